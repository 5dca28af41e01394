package worker

import (
	"fmt"
	"reflect"
	"unicode/utf8"
)

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
