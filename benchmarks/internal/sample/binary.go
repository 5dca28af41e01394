package sample

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

// What [Binary] measures.
const (
	BinaryBytes = "size"     // of the smallest program with a pool
	Packages    = "packages" // that are linked into it, the standard library's too
)

// minimal has the package of that program.
var minimal = map[string]string{
	contender.Ours:      "./internal/minimal/ours",
	contender.Published: "./internal/minimal/published",
}

// binary needs this module's directory as the working directory.
func binary(c contender.Contender, _ int) (Values, error) {
	dir, err := os.MkdirTemp("", "minimal-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)

	program := filepath.Join(dir, "program")
	if _, err := goCommand("build", "-buildvcs=false", "-o", program, minimal[c.Name]); err != nil {
		return nil, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return nil, err
	}

	packages, err := goCommand("list", "-deps", minimal[c.Name])
	if err != nil {
		return nil, err
	}

	return Values{BinaryBytes: float64(info.Size()), Packages: float64(bytes.Count(packages, []byte("\n")))}, nil
}

func goCommand(args ...string) ([]byte, error) {
	var complaint bytes.Buffer
	command := exec.Command("go", args...)
	command.Stderr = &complaint

	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, firstLine(complaint.String()))
	}

	return out, nil
}
