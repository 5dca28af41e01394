package worker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/ankorstore/yokai/generate/uuid"
)

// renewID gives the coming attempt an id of the pool's generator.
func (s *supervisor) renewID() {
	generator := s.pool.options.Generator
	if _, ok := generator.(*uuid.DefaultUuidGenerator); ok {
		s.id = defaultID()
		return
	}

	next := s.next
	s.next = func(s *supervisor) { s.next = next; s.useDefaultID(ErrGoexit) } // should the user's end the goroutine
	var id string
	err := guard(func() { id = generator.Generate() })
	if err == nil && id == "" {
		err = errors.New("empty id")
	}
	if s.next = next; err != nil {
		s.useDefaultID(err)
		return
	}
	s.id = id
}

func (s *supervisor) useDefaultID(err error) {
	s.id = defaultID()
	s.logError("worker execution id generator failed, using a default id", err)
}

// defaultID returns a random UUID (RFC 9562, version 4), as the default generator's are. Unlike that, it cannot fail: not even where a
// program gave package uuid a reader of its own.
func defaultID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80

	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'

	return string(text[:])
}
