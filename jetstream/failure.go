package jetstream

// maxErrorNodes bounds the walk through a handler's error: one that wraps itself has no end.
const maxErrorNodes = 1000

// find is [errors.As] for errors that may wrap themselves.
func find[T any](err error) (found T, ok bool) {
	budget := maxErrorNodes

	return findWithin[T](err, &budget)
}

func findWithin[T any](err error, budget *int) (found T, ok bool) {
	if err == nil || *budget <= 0 {
		return found, false
	}
	*budget--

	if found, ok = err.(T); ok {
		return found, true
	}
	if asking, can := err.(interface{ As(any) bool }); can && asking.As(&found) {
		return found, true
	}
	switch wrapping := err.(type) {
	case interface{ Unwrap() error }:
		return findWithin[T](wrapping.Unwrap(), budget)
	case interface{ Unwrap() []error }:
		for _, wrapped := range wrapping.Unwrap() {
			if found, ok = findWithin[T](wrapped, budget); ok {
				return found, true
			}
		}
	}

	return found, false
}
