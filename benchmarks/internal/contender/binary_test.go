package contender_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/stretchr/testify/require"
)

const poolProgram = `"; type idle struct{ library.Worker }
	func main() { pool := library.NewWorkerPool(library.WithWorker(idle{})); println(pool.Start(context.Background()), pool.Stop()) }`

// programs has the smallest program of each library that runs a worker, after its beginning.
var programs = map[string]string{
	contender.Ours.Name:      "github.com/ankorstore/yokai/worker/next" + poolProgram,
	contender.Published.Name: "github.com/ankorstore/yokai/worker" + poolProgram,
	contender.Suture.Name: `github.com/thejerf/suture/v4"; type idle struct{ library.Service }
	func main() { s := library.NewSimple(""); s.Add(idle{}); println(s.Serve(context.Background())) }`,
}

// BenchmarkBinary builds the smallest programs, all with the same versions of what they import.
func BenchmarkBinary(b *testing.B) {
	each(b, pools, func(b *testing.B, c contender.Contender) {
		source, program := filepath.Join(b.TempDir(), "main.go"), filepath.Join(b.TempDir(), "program")
		text := `package main; import "context"; import library "` + programs[c.Name]
		require.NoError(b, os.WriteFile(source, []byte(text), 0o600))
		for b.Loop() {
			require.NoError(b, exec.Command("go", "build", "-buildvcs=false", "-o", program, source).Run())
		}
		info, err := os.Stat(program)
		require.NoError(b, err)
		packages, err := exec.Command("go", "list", "-deps", source).Output()
		require.NoError(b, err)

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(info.Size()), "B")
		b.ReportMetric(float64(bytes.Count(packages, []byte("\n"))), "packages") // the standard library's too
	})
}
