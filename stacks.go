package worker

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
	"weak"
)

const (
	stacksPause   = 100 * time.Millisecond // between two profiles
	stackPatience = time.Second            // for which a missed heartbeat is not recorded, for the sake of its stack
	stopPatience  = 10 * time.Millisecond  // by which a stop may be late for it
)

// stacks finds where workers' goroutines are. A profile takes the longer the more goroutines the process has, so all who ask meanwhile
// share it, and those who ask soon after, if it has not been collected as garbage.
type stacks struct {
	isWorker func(name string) bool // whether a label is the name of a worker

	mu     sync.Mutex // guards the fields below
	taking *profile   // nil if none is
	last   weak.Pointer[profile]
	at     time.Time // when that was ready, zero before the first
}

// of returns where the goroutines of workers are, as of a time or later; or nothing where that would take longer than patience.
func (s *stacks) of(names []string, since time.Time, patience time.Duration) map[string]string {
	for deadline := time.Now().Add(patience); ; {
		p, pause := s.share(since)
		left := time.Until(deadline)
		switch {
		case p != nil && !await(p.ready, left), p == nil && pause > left:
			return nil
		case p == nil:
			time.Sleep(pause)
		case !p.began.Before(since):
			return p.of(names)
		}
	}
}

// share returns the profile that is being taken, or the last one, or a new one; or for how long none may be taken.
func (s *stacks) share(since time.Time) (p *profile, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.taking != nil {
		return s.taking, 0
	}
	if pause = stacksPause - time.Since(s.at); pause > 0 {
		if last := s.last.Value(); last != nil && !last.began.Before(since) {
			return last, 0
		}
		return nil, pause
	}

	s.taking = &profile{isWorker: s.isWorker, began: time.Now(), ready: make(chan struct{})}
	go s.take(s.taking)

	return s.taking, 0
}

func (s *stacks) take(p *profile) {
	pprof.SetGoroutineLabels(context.Background()) // less those of who has asked first
	p.take()

	s.mu.Lock()
	defer s.mu.Unlock()

	s.taking, s.last, s.at = nil, weak.Make(p), time.Now()
	close(p.ready)
}

// profile is one look at the goroutines of the process.
type profile struct {
	isWorker func(name string) bool
	began    time.Time
	ready    chan struct{} // closed once the fields below are there

	found   map[string]string // by worker name
	located map[string]bool   // those of whom the attempt itself was found
	unnamed []string          // attempts that bear no name of a worker
}

// take reads the text form of the goroutine profile, the only one that has labels and needs no decoder. The world stands still only
// while the runtime copies the program counters. One paragraph is a goroutine, or several at the same place.
func (p *profile) take() {
	p.found, p.located = map[string]string{}, map[string]bool{}
	_ = pprof.Lookup("goroutine").WriteTo(&paragraphs{each: p.read}, 1) // it takes all
}

func (p *profile) read(record []byte) {
	name, ok := labelOf(record)
	isAttempt := bytes.Contains(record, []byte(attemptFrame))
	switch {
	case ok && p.isWorker(name):
		p.located[name] = p.located[name] || isAttempt
		p.found[name] = appendStack(p.found[name], framesOf(record))
	case isAttempt:
		p.unnamed = append(p.unnamed, framesOf(record))
	}
}

// of returns where workers are. One that has changed its labels is one of those that bear no name.
func (p *profile) of(names []string) map[string]string {
	found := map[string]string{}
	for _, name := range names {
		found[name] = p.found[name]
		for _, frames := range p.unnamed {
			if !p.located[name] {
				found[name] = appendStack(found[name], frames)
			}
		}
	}

	return found
}

func appendStack(stack, frames string) string {
	if stack == "" {
		return frames
	}

	return stack + "\n" + frames
}

// attemptFrame is on the stack of each goroutine that runs an attempt.
const attemptFrame = "worker.(*supervisor).runAttempt+"

// paragraphs is a writer that hands over one paragraph after the other, so that not all of a text must be kept.
type paragraphs struct {
	each func(paragraph []byte)
	rest []byte
}

func (p *paragraphs) Write(text []byte) (int, error) {
	p.rest = append(p.rest, text...)
	left := p.rest
	for {
		paragraph, rest, ok := bytes.Cut(left, []byte("\n\n"))
		if !ok {
			p.rest = append(p.rest[:0], left...)
			return len(text), nil
		}
		p.each(paragraph)
		left = rest
	}
}

// labelOf reads the label of a record such as
//
//	1 @ 0x47b2ee 0x4b1a2c
//	# labels: {"worker":"mailer"}
//	#	0x4b1a2b	main.(*mailer).Run+0x6b	/src/mailer.go:31
func labelOf(record []byte) (name string, ok bool) {
	_, rest, _ := bytes.Cut(record, []byte("\n# labels: {"))
	labels, _, _ := bytes.Cut(rest, []byte("\n"))
	_, value, ok := bytes.Cut(labels, []byte(strconv.Quote(pprofLabel)+":"))
	if !ok {
		return "", false
	}
	quoted, _ := strconv.QuotedPrefix(string(value))
	name, err := strconv.Unquote(quoted)

	return name, err == nil
}

// framesOf returns the frames of a record, each in two lines as a panic prints them.
func framesOf(record []byte) string {
	var text strings.Builder
	for line := range strings.Lines(string(record)) {
		if fields := strings.SplitN(line, "\t", 4); len(fields) == 4 && strings.HasPrefix(line, "#\t") {
			text.WriteString(strings.TrimSpace(fields[2]) + "\n\t" + strings.TrimSpace(fields[3]) + "\n")
		}
	}

	return text.String()
}
