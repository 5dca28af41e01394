package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
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

// textOf is err.Error(), or what package fmt makes of an error that panics there.
func textOf(err error) string {
	return methodText(err, "Error", err.Error)
}

// methodText is what package fmt makes of a value with such a method. Where the method panics, fmt prints what it has panicked with,
// but not where that panics in turn or contains itself.
func methodText(value any, name string, method func() string) (text string) {
	defer func() {
		caught := recover()
		if caught == nil {
			return
		}
		if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer && v.IsNil() {
			text = "<nil>"
			return
		}

		text = fmt.Sprintf("%T (panics when it is printed)", value)
		defer func() { _ = recover() }() // then it stays so
		text = "%!v(PANIC=" + name + " method: " + caughtText(caught) + ")"
	}()

	return method()
}

// caughtText is the text of what a method has panicked with. It may panic.
func caughtText(caught any) string {
	switch v := caught.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	default:
		return printed(caught)
	}
}

// printed is what %v makes of a value, or its type where that would not come to an end, or panics.
func printed(value any) string {
	if v, ok := value.(reflect.Value); ok && v.IsValid() && v.CanInterface() {
		value = v.Interface() // which fmt prints
	}
	switch v := value.(type) {
	case fmt.Formatter:
		return methodText(v, "Format", func() string { return formatted(v) })
	case error:
		return textOf(v)
	case fmt.Stringer:
		return methodText(v, "String", v.String)
	}

	budget := 1 << 16
	if !finite(reflect.ValueOf(value), 0, &budget) {
		return fmt.Sprintf("%T (too deep to print)", value)
	}

	return sprint(value)
}

// formatted is what a value's own Format makes of it. A panic in that is not package fmt's to print.
func formatted(value fmt.Formatter) string {
	f := &formatting{Formatter: value}
	text := fmt.Sprint(f)
	if f.caught != nil {
		panic(f.caught)
	}

	return text
}

type formatting struct {
	fmt.Formatter
	caught any // what Format has panicked with
}

func (f *formatting) Format(state fmt.State, verb rune) {
	defer func() { f.caught = recover() }()
	f.Formatter.Format(state, verb)
}

// sprint is what package fmt makes of a value, or its type where that panics: fmt recovers the panic of a method, but not that of
// the value which the method has panicked with.
func sprint(value any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T (panics when it is printed)", value)
		}
	}()

	return fmt.Sprint(value)
}

// finite reports whether package fmt comes to an end with a value: it follows what contains itself, but for pointers below the top.
func finite(v reflect.Value, depth int, budget *int) bool {
	if *budget--; depth > 100 || *budget < 0 {
		return false
	}

	switch v.Kind() {
	case reflect.Interface:
		return finite(v.Elem(), depth+1, budget)
	case reflect.Pointer:
		return depth > 0 || finite(v.Elem(), depth+1, budget)
	case reflect.Slice, reflect.Array:
		if scalar(v.Type().Elem()) {
			return true
		}
		for i := range v.Len() {
			if !finite(v.Index(i), depth+1, budget) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !finite(v.Field(i), depth+1, budget) {
				return false
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if !finite(entries.Key(), depth+1, budget) || !finite(entries.Value(), depth+1, budget) {
				return false
			}
		}
	}

	return true
}

// scalar reports whether values of a type contain no others.
func scalar(t reflect.Type) bool {
	return t.Kind() <= reflect.Complex128 || t.Kind() == reflect.String
}

// maxText is how many bytes a kept text may have.
const maxText = 4 << 10

// kept is a text as an execution keeps it: valid UTF-8 of at most 4 KiB, the "…" of one that was cut included.
func kept(text string) string {
	return bounded(text, maxText)
}

// bounded returns a text as valid UTF-8 of at most n bytes, the "…" of one that was cut included.
func bounded(text string, n int) string {
	const ellipsis = "…"

	cut := len(text) > n
	if cut {
		text = text[:n] // what is beyond it need not be looked at
	}
	if !utf8.ValidString(text) {
		text = string([]rune(text)) // with one U+FFFD for each byte that is none, as in JSON
	}
	if !cut && len(text) <= n {
		return text
	}

	end := min(n-len(ellipsis), len(text))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}

	return text[:end] + ellipsis
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
