package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
)

const (
	selfcheckName     = "selfcheck"
	selfcheckInterval = time.Second
	selfcheckTimeout  = 5 * time.Second // for one answer, body included
	selfcheckFamily   = "worker_executions_total"

	// A failed check is repeated after a wait of at most 0.5 s, then 1 s, 2 s
	// and 4 s. The fifth failure in a row is the last, unless the checks had
	// gone well for a while before it.
	selfcheckAttempts     = 5
	selfcheckMinBackoff   = 500 * time.Millisecond
	selfcheckMaxBackoff   = 10 * time.Second
	selfcheckHealthyAfter = 10 * time.Second
)

// selfcheck checks the service's own metrics.
type selfcheck struct {
	url    string
	client *http.Client
}

func newSelfcheck(url string) *selfcheck {
	return &selfcheck{
		url: url,
		client: &http.Client{
			Timeout: selfcheckTimeout,
			// A connection per check also checks that connecting works. The
			// zero Transport uses no proxy, which could not reach us.
			Transport: &http.Transport{DisableKeepAlives: true},
		},
	}
}

// check gets the metrics. It fails if they do not come with status 200 within 5
// seconds, or come without the pool's counters, and returns ctx's error if ctx
// ended it.
func (s *selfcheck) check(ctx context.Context) (err error) {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "GET "+metricsPath)
	defer func() { endSpan(span, err) }()

	start := time.Now()

	series, err := s.countSeries(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}

		return err
	}

	if series == 0 {
		return fmt.Errorf("%s has no %s", s.url, selfcheckFamily)
	}

	worker.CtxLogger(ctx).Info().
		Int("series", series).
		Str("took", time.Since(start).Round(time.Microsecond).String()).
		Msg("metrics are served")

	return nil
}

// countSeries returns the number of time series of [selfcheckFamily].
func (s *selfcheck) countSeries(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return 0, err
	}

	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()

	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answered %s", s.url, response.Status)
	}

	series, err := countPrefixedLines(response.Body, selfcheckFamily+"{")
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", s.url, err)
	}

	return series, nil
}

// countPrefixedLines returns the number of lines of r that begin with prefix.
func countPrefixedLines(r io.Reader, prefix string) (int, error) {
	count := 0

	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), prefix) {
			count++
		}
	}

	return count, lines.Err()
}
