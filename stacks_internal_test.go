package worker

import "testing"

// The text form of a profile is the runtime's business: this shows what of it is read.
func TestParseRecord(t *testing.T) {
	for record, want := range map[string][2]string{
		"1 @ 0x1\n# labels: {\"worker\":\"a \\\"b\\\"\", \"x\":\"y\"}\n#\t0x1\tmain.f+0x1\t\t/src/f.go:3\n": {`a "b"`, "main.f+0x1\n\t/src/f.go:3\n"},
		"1 @ 0x1\n# labels: {\"other\":\"worker\"}\n#\t0x1\tmain.f+0x1\t/src/f.go:3\n":                      {},
		"1 @ 0x1\n#\t0x1\tmain.f+0x1\t/src/f.go:3\n":                                                        {},
		"1 @ 0x1\n# labels: {\"worker\":broken}\n":                                                          {},
		"": {},
	} {
		name, frames, ok := parseRecord(record)
		if name != want[0] || frames != want[1] || ok != (want[0] != "") {
			t.Errorf("parseRecord(%q) = %q, %q, %v", record, name, frames, ok)
		}
	}
}
