package worker

import "testing"

// The text form of a profile is the runtime's business: this shows what of it is read.
func TestProfileText(t *testing.T) {
	const mark = `"worker":`
	for record, want := range map[string][2]string{
		"1 @ 0x1\n# labels: {" + mark + "\"a \\\"b\\\"\", \"x\":\"y\"}\n#\t0x1\tmain.f+0x1\t\t/src/f.go:3": {`a "b"`, "main.f+0x1\n\t/src/f.go:3\n"},
		"1 @ 0x1\n# labels: {\"other\":\"worker\"}\n#\t0x1\tmain.f+0x1\t/src/f.go:3":                       {"", "main.f+0x1\n\t/src/f.go:3\n"},
		"1 @ 0x1\n#\t0x1\tmain.f+0x1\t/src/f.go:3":                                                         {"", "main.f+0x1\n\t/src/f.go:3\n"},
		"1 @ 0x1\n# labels: {" + mark + "broken}":                                                          {},
		"": {},
	} {
		name, ok := labelOf([]byte(record))
		if frames := framesOf([]byte(record)); name != want[0] || frames != want[1] || ok != (want[0] != "") {
			t.Errorf("%q: %q, %q, %v", record, name, frames, ok)
		}
	}
}

// A paragraph may come in pieces.
func TestParagraphs(t *testing.T) {
	var got []string
	w := &paragraphs{each: func(p []byte) { got = append(got, string(p)) }}
	for _, piece := range []string{"a\nb", "\n", "\nc\n\nd", "\n\n"} {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(got) != 3 || got[0] != "a\nb" || got[1] != "c" || got[2] != "d" {
		t.Errorf("%q", got)
	}
}
