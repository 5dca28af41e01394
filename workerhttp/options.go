package workerhttp

// Option is an option of [NewHandler].
type Option func(*handler)

// WithInstance gives this process a name in the report and on the page, where several answer at one address. Host, process id,
// start and version are there without it, too. The default is none.
func WithInstance(name string) Option {
	return func(h *handler) {
		h.instance.Name = name
	}
}

// WithControl lets those who reach the handler restart and stop single workers, from the page and by POST. The package
// documentation tells what that allows. By default the handler changes nothing.
func WithControl() Option {
	return func(h *handler) {
		h.control = true
	}
}
