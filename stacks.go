package worker

import (
	"bytes"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pprofLabel is the label that a worker's goroutine bears in profiles, and those that it starts.
const pprofLabel = "worker"

// stacks returns where the goroutines of all workers are now, by worker name: one paragraph a goroutine, one frame in two lines
// as a panic prints them. Goroutines at the same place make one paragraph.
//
// It reads the text form of the goroutine profile, the only one that has labels and needs no decoder. The world stands still
// only while the runtime copies the program counters.
func stacks() map[string]string {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1) // a buffer takes all

	byWorker := map[string]string{}
	for record := range strings.SplitSeq(profile.String(), "\n\n") {
		if name, frames, ok := parseRecord(record); ok {
			if byWorker[name] != "" {
				frames = byWorker[name] + "\n" + frames
			}
			byWorker[name] = frames
		}
	}

	return byWorker
}

// stackAge is for how long the stacks of all workers serve when many are asked for one by one: taking them costs the more the
// more goroutines there are.
const stackAge = 100 * time.Millisecond

// recentStacks are the stacks of all workers as of a moment.
type recentStacks struct {
	mu       sync.Mutex // guards the fields below
	at       time.Time
	byWorker map[string]string
}

func (r *recentStacks) of(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.byWorker[name] == "" || time.Since(r.at) > stackAge {
		r.at, r.byWorker = time.Now(), stacks()
	}

	return r.byWorker[name]
}

// parseRecord reads one record of the profile, such as
//
//	1 @ 0x47b2ee 0x4b1a2c
//	# labels: {"worker":"mailer"}
//	#	0x4b1a2b	main.(*mailer).Run+0x6b	/src/mailer.go:31
func parseRecord(record string) (name string, frames string, ok bool) {
	_, rest, _ := strings.Cut(record, "\n# labels: {")
	labels, lines, _ := strings.Cut(rest, "\n")

	_, value, ok := strings.Cut(labels, strconv.Quote(pprofLabel)+":")
	if !ok {
		return "", "", false
	}
	quoted, _ := strconv.QuotedPrefix(value)
	name, err := strconv.Unquote(quoted)

	var text strings.Builder
	for line := range strings.Lines(lines) {
		if fields := strings.SplitN(line, "\t", 4); len(fields) == 4 {
			text.WriteString(strings.TrimSpace(fields[2]) + "\n\t" + strings.TrimSpace(fields[3]) + "\n")
		}
	}

	return name, text.String(), err == nil
}
