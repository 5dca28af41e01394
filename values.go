package worker

import (
	"context"
	"errors"
	"reflect"
)

// Errors, causes and panic values are a user's, and so are their methods: these may panic, return themselves, or not be comparable.
// What is here asks them so that a worker survives the answer.

// maxErrorNodes bounds the walk through an error's tree: one that wraps itself has no end.
const maxErrorNodes = 1000

// contains reports whether is holds for err or an error that it wraps.
func contains(err error, is func(error) bool) bool {
	budget := maxErrorNodes

	return walk(err, &budget, is)
}

func walk(err error, budget *int, is func(error) bool) bool {
	if err == nil || *budget <= 0 {
		return false
	}
	*budget--

	if is(err) {
		return true
	}
	for _, wrapped := range unwrap(err) {
		if walk(wrapped, budget, is) {
			return true
		}
	}

	return false
}

// unwrap returns what err wraps: one error, those that it joins, or none. A nil pointer that was returned as an error wraps none: most
// types' methods would panic.
func unwrap(err error) []error {
	if isNil(err) {
		return nil
	}

	switch wrapping := err.(type) {
	case interface{ Unwrap() error }:
		return []error{wrapping.Unwrap()}
	case interface{ Unwrap() []error }:
		return wrapping.Unwrap()
	default:
		return nil
	}
}

// isErrorOf reports whether err is the error of a context that is done, or its cause, as it is or wrapped. An error that joins it
// with another one is not: the other one would be lost.
func isErrorOf(ctx context.Context, err error) bool {
	own, cause := ctx.Err(), context.Cause(ctx)
	if same(err, own) || same(err, cause) {
		return true // as most are
	}
	budget := maxErrorNodes

	return isOneOf(err, &budget, own, cause)
}

func isOneOf(err error, budget *int, own ...error) bool {
	if err == nil || *budget <= 0 {
		return false
	}
	*budget--

	is, _ := err.(interface{ Is(error) bool })
	if isNil(err) {
		is = nil
	}
	for _, one := range own {
		if same(err, one) || is != nil && is.Is(one) {
			return true
		}
	}

	wrapped := unwrap(err)
	for _, part := range wrapped {
		if !isOneOf(part, budget, own...) {
			return false
		}
	}

	return len(wrapped) > 0
}

// same is a == b. What cannot be compared is the same where it has the same parts: a context's cause may be a list of errors.
func same(a, b error) (equal bool) {
	defer func() {
		if recover() != nil {
			equal = reflect.DeepEqual(a, b)
		}
	}()

	return a == b
}

// isPlain reports whether err is one of errors.New, whose method is no user's.
func isPlain(err error) bool {
	return reflect.TypeOf(err) == reflect.TypeOf(ErrPoolStopped)
}

// isNil reports whether a value is nil, or an interface that holds a nil pointer, map, slice, function or channel.
func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.Interface:
		return v.IsNil()
	default:
		return false
	}
}

// isPermanent reports whether err is marked as one that no further attempt can fix.
func isPermanent(err error) bool {
	return contains(err, func(err error) bool {
		_, ok := err.(*permanentError)

		return ok
	})
}

// joined joins errors as errors.Join does, but returns one that is alone as it is.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}

	return errors.Join(errs...)
}
