package jetstream

import "github.com/nats-io/nats.go/jetstream"

// WithMaxBytes sets how many bytes of messages a worker holds at most: payloads, headers and subjects. The default is
// [DefaultMaxBytes]; less than 1 is an error of Run. The server is asked for no more than fits, so large messages leave handlers
// free where the bound is less than a message for each. One message is held whatever its size. The bound may be exceeded by one
// message that is larger than all recent ones, and larger than 1 MiB or a quarter of the bound. A
// message that is larger than what the worker has asked for waits about a second, and with it all behind it.
func WithMaxBytes(n int) Option {
	return func(s *settings) { s.maxBytes = n }
}

// WithoutPrefetch makes a worker ask for a message only once a handler is free for it. That costs each message a round trip to the
// server, and leaves all that is not being handled to other replicas.
func WithoutPrefetch() Option {
	return func(s *settings) { s.prefetch = 0 }
}

// WithOrderBy handles messages of the same key one at a time, in the order in which they came, while those of other keys go on. The
// order holds within this worker: other replicas take messages of the same key from the same consumer. A message that fails comes
// again after those behind it. key is called once for each message, from one goroutine at a time; for a message at which it panics
// there is no order. It must not block, nor call runtime.Goexit. The default, also for nil, is no order.
//
// A message that waits for another one of its key is held, so a key with many messages leaves handlers without work: a higher
// [WithConcurrency] helps. With an order, only one pull waits at the server at a time.
func WithOrderBy(key func(msg jetstream.Msg) string) Option {
	return func(s *settings) { s.key = key }
}
