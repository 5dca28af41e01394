package sample_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	sample.TakeRequested()
	os.Exit(m.Run())
}

func take(t *testing.T, experiment, name string, size int) sample.Values {
	t.Helper()

	values, err := sample.Sample{Experiment: experiment, Contender: name, Size: size}.TakeApart(t.Context(), time.Minute)
	require.NoError(t, err)

	return values
}

func TestStartStop(t *testing.T) {
	for _, c := range contender.All() {
		t.Run(c.Name, func(t *testing.T) {
			values := take(t, sample.StartStop, c.Name, 100)

			assert.Positive(t, values[sample.StartTime])
			assert.Positive(t, values[sample.StopTime])
			assert.Positive(t, values[sample.StartStopTime])
			assert.Positive(t, values[sample.Allocations])
		})
	}
}

func TestFailing(t *testing.T) {
	values := take(t, sample.Failing, contender.Ours, 100)

	assert.Positive(t, values[sample.AttemptTime])
	assert.NotContains(t, values, sample.LoggedBytes)
}

func TestFailingLogged(t *testing.T) {
	values := take(t, sample.FailingLogged, contender.Ours, 100)

	assert.Positive(t, values[sample.AttemptTime])
	assert.Greater(t, values[sample.LoggedBytes], 100.0)
	assert.Zero(t, values[sample.LoggedGrowth], "only the digits of the attempt's number make a line longer")
}

func TestMemory(t *testing.T) {
	values := take(t, sample.Memory, contender.Goroutines, 5000)

	assert.Greater(t, values[sample.StackBytes], 1000.0)
	assert.InDelta(t, 1, values[sample.Goroutines], 0.01)
	assert.Equal(t, values[sample.HeapBytes]+values[sample.StackBytes], values[sample.TotalBytes])
}

func TestReaders(t *testing.T) {
	values := take(t, sample.Readers, contender.Ours, 200)

	assert.Positive(t, values[sample.ReportTime])
	assert.Positive(t, values[sample.ScrapeTime])
	assert.Positive(t, values[sample.QuietTail])
	assert.Positive(t, values[sample.ReadTail])
}

func TestJetStream(t *testing.T) {
	t.Chdir("../..")

	assert.Positive(t, take(t, sample.JetStream, contender.Goroutines, 1)[sample.MessageRate])
	assert.Positive(t, take(t, sample.JetStream, contender.Ours, 64)[sample.MessageRate])
	values := take(t, sample.Replicas, contender.Ours, 4)
	assert.Equal(t, values[sample.TwoReplicasRate]/values[sample.OneReplicaRate], values[sample.ReplicaGain])
}

func TestWhatDoesNotApply(t *testing.T) {
	assert.False(t, sample.Sample{Experiment: sample.Failing, Contender: "conc"}.Applies(), "it has no restart")
	assert.False(t, sample.Sample{Experiment: sample.Readers, Contender: contender.Suture}.Applies(), "it has no report")
	assert.False(t, sample.Sample{Experiment: sample.StartStop, Contender: "nobody"}.Applies())
	assert.False(t, sample.Sample{Experiment: sample.JetStream, Contender: contender.Suture}.Applies(), "it knows no messages")
	assert.True(t, sample.Sample{Experiment: sample.StartStop, Contender: "conc"}.Applies())
}

func TestErrors(t *testing.T) {
	_, err := sample.Sample{Experiment: "nothing", Contender: "conc", Size: 1}.TakeApart(t.Context(), time.Minute)
	assert.ErrorContains(t, err, `unknown experiment "nothing"`)

	_, err = sample.Sample{Experiment: sample.StartStop, Contender: "conc"}.TakeApart(t.Context(), time.Minute)
	assert.ErrorContains(t, err, "size 0")

	_, err = sample.Sample{Experiment: sample.StartStop, Contender: "conc", Size: 1000}.TakeApart(t.Context(), time.Nanosecond)
	assert.ErrorIs(t, err, sample.ErrTooSlow)

	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err = sample.Sample{Experiment: sample.StartStop, Contender: "conc", Size: 1}.TakeApart(stopped, time.Minute)
	assert.ErrorIs(t, err, context.Canceled)
}
