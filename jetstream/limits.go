package jetstream

import "github.com/nats-io/nats.go/jetstream"

// WithMaxBytes sets how many bytes of messages a worker holds at most: payloads, headers and subjects. The default is
// [DefaultMaxBytes]; less than 1 is an error of Run. The server is asked for no more than fits, so large messages leave handlers free
// where the bound is less than a message for each. One message is held whatever its size, and where one is larger than all that
// came lately and than 1 MiB or a quarter of the bound, the bound may be exceeded by that one. A message larger than what the worker
// has asked for waits about a second, and all behind it.
func WithMaxBytes(n int) Option {
	return func(s *settings) { s.maxBytes = n }
}

// WithoutPrefetch has a worker ask for a message only once a handler is free for it. That costs each message a way to the server and
// back, and leaves all that is not being handled to other replicas.
func WithoutPrefetch() Option {
	return func(s *settings) { s.prefetch = 0 }
}

// WithOrderBy has messages of the same key be handled one at a time, in the order in which they came, while those of other keys go
// on. The order holds within this worker: other replicas take messages of the same key from the same consumer. A message that fails
// comes again after those behind it. key is called once for each message, from one goroutine at a time; for a message at which it
// panics there is no order. It must not block, nor call runtime.Goexit. The default, also for nil, is no order.
//
// What waits for one of its key is held, so a key with many messages leaves handlers without work: a higher [WithConcurrency] helps.
// Only one pull waits at the server at a time then.
func WithOrderBy(key func(msg jetstream.Msg) string) Option {
	return func(s *settings) { s.key = key }
}
