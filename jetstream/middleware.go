package jetstream

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

// WithMessageMiddleware wraps the handler: the first one is the outermost. Each is called once, when the worker is made, and what it
// returns for each message, from up to [WithConcurrency] goroutines at once. A nil one, and one that returns nil, is left out. The
// option may be given several times, and adds to what was given before. One that panics when it is called is an error of Run.
func WithMessageMiddleware(middlewares ...func(next Handler) Handler) Option {
	return func(s *settings) { s.middlewares = append(s.middlewares, middlewares...) }
}

func (s *settings) wrap(handle Handler) (outermost Handler) {
	outermost = handle
	defer func() {
		if value := recover(); value != nil {
			s.invalid = fmt.Errorf("a message middleware: %w", &worker.PanicError{Value: value, Stack: debug.Stack()})
		}
	}()

	for i := len(s.middlewares) - 1; i >= 0; i-- {
		if s.middlewares[i] == nil {
			continue
		}
		if wrapped := s.middlewares[i](outermost); wrapped != nil {
			outermost = wrapped
		}
	}

	return outermost
}

// Decode returns a handler for messages that carry a T. unmarshal is one like [encoding/json.Unmarshal]; an error of it is permanent
// ([worker.Permanent]), since no other attempt would mend it. Neither function may be nil.
func Decode[T any](
	unmarshal func(data []byte, v any) error,
	handle func(ctx context.Context, msg jetstream.Msg, payload T) error,
) Handler {
	return func(ctx context.Context, msg jetstream.Msg) error {
		var payload T
		if err := unmarshal(msg.Data(), &payload); err != nil {
			return worker.Permanent(err)
		}

		return handle(ctx, msg, payload)
	}
}
