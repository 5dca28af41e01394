package sample

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// environment is the variable that makes a process take the sample it names, and end.
const environment = "WORKER_BENCHMARK_SAMPLE"

// ErrTooSlow is returned when a sample was not done within its time.
var ErrTooSlow = errors.New("too slow")

// TakeRequested takes the sample that this process was started for, if it was, and ends the process.
func TakeRequested() {
	request := os.Getenv(environment)
	if request == "" {
		return
	}

	if err := answer(request, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func answer(request string, out io.Writer) error {
	var s Sample
	if err := json.Unmarshal([]byte(request), &s); err != nil {
		return fmt.Errorf("sample request: %w", err)
	}

	values, err := s.Take()
	if err != nil {
		return err
	}

	return json.NewEncoder(out).Encode(values)
}

// TakeApart takes the sample in a process of its own, which this program must have begun with [TakeRequested]. The error is
// [ErrTooSlow] where it took longer than bound, and that of ctx once ctx is done.
func (s Sample) TakeApart(ctx context.Context, bound time.Duration) (Values, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}

	bounded, cancel := context.WithTimeoutCause(ctx, bound, ErrTooSlow)
	defer cancel()

	var out, complaint bytes.Buffer
	process := exec.CommandContext(bounded, self)
	process.Env = append(os.Environ(), environment+"="+string(request))
	process.Stdout, process.Stderr = &out, &complaint

	if err := process.Run(); err != nil {
		if cause := context.Cause(bounded); cause != nil {
			return nil, cause
		}

		return nil, fmt.Errorf("%s of %d with %s: %w: %s", s.Experiment, s.Size, s.Contender, err, firstLine(complaint.String()))
	}

	var values Values

	return values, json.Unmarshal(out.Bytes(), &values)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")

	return line
}
