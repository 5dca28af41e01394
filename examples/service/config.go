package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// config holds the command line.
type config struct {
	addr     string        // address to serve HTTP on; port 0 picks a free one
	dir      string        // root of the tree to index; empty for $(go env GOROOT)/src
	out      string        // file to write the index to
	duration time.Duration // time after which the service ends; 0 for never
	trace    bool          // whether to write spans to standard output
}

// parseConfig reads the command line, without the program's name. For -h it
// writes the usage to w and returns [flag.ErrHelp].
func parseConfig(args []string, w io.Writer) (config, error) {
	var cfg config

	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // our caller reports the error, once
	flags.StringVar(&cfg.addr, "addr", "127.0.0.1:8080", "serve HTTP on `host:port`; port 0 picks a free one and logs it")
	flags.StringVar(&cfg.dir, "dir", "", "index the tree under `directory` (default $(go env GOROOT)/src)")
	flags.StringVar(&cfg.out, "out", "index.json", "write the index to `file`")
	flags.DurationVar(&cfg.duration, "duration", 0, "end after `time`, such as 10s (default: run until Ctrl-C or SIGTERM)")
	flags.BoolVar(&cfg.trace, "trace", false, "write spans to standard output, one JSON object per line")

	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage(flags, w)
		}

		return cfg, err
	}

	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	if cfg.duration < 0 {
		return cfg, fmt.Errorf("-duration %s is negative", cfg.duration)
	}

	return cfg, nil
}

// usage writes what the command does and what its flags are to w.
func usage(flags *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, `usage: service [flags]

Service indexes a source tree and checks the index by a schedule, samples its own
runtime, checks its own /metrics and shows a worker that recovers from failures.
It ends on Ctrl-C, on SIGTERM or after -duration, and exits with status 1 if a
worker failed.

`)
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// resolve fills in the tree to index if none was given, and checks that the
// tree can be read and the index has a place to go, so that a mistyped path is
// reported before anything starts.
func (c *config) resolve(ctx context.Context) error {
	if c.dir == "" {
		goroot, err := goEnvGoroot(ctx)
		if err != nil {
			return fmt.Errorf("no -dir given, and go env GOROOT does not tell one: %w", err)
		}

		c.dir = filepath.Join(goroot, "src")
	}

	if err := checkReadableDir(c.dir); err != nil {
		return fmt.Errorf("cannot index -dir: %w", err)
	}

	if err := checkOut(c.out); err != nil {
		return fmt.Errorf("cannot write -out: %w", err)
	}

	return nil
}

// goEnvGoroot returns the root of the Go installation that the go command
// belongs to.
func goEnvGoroot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()

	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}

	if err != nil {
		return "", err
	}

	goroot := strings.TrimSpace(string(out))
	if goroot == "" {
		return "", errors.New("it is empty")
	}

	return goroot, nil
}

// checkReadableDir returns an error unless name is a directory, or a symbolic
// link to one, whose entries can be listed.
func checkReadableDir(name string) error {
	// Stat comes before Open, which would block on a named pipe.
	info, err := os.Stat(name)
	if err != nil {
		return err
	}

	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", name)
	}

	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()

	if _, err := dir.ReadDir(1); err != nil && err != io.EOF {
		return err
	}

	return nil
}

// checkOut returns an error if no file can be put at name, because its directory
// is missing or something else than a file is there, which would be replaced.
func checkOut(name string) error {
	if name == "" {
		return errors.New("no file was named")
	}

	parent, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return err
	}

	if !parent.IsDir() {
		return fmt.Errorf("%s is not a directory", filepath.Dir(name))
	}

	info, err := os.Stat(name)

	switch {
	case err != nil: // most likely there is nothing yet; the worker tells what else is wrong
		return nil
	case info.IsDir():
		return fmt.Errorf("%s is a directory", name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", name)
	}

	return nil
}
