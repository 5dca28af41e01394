package worker

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/ankorstore/yokai/generate/uuid"
)

// renewID gives the coming attempt an id of the pool's generator.
func (s *supervisor) renewID() {
	generator := s.pool.options.Generator
	if own, ok := generator.(*uuid.DefaultUuidGenerator); ok {
		s.id = defaultID(own)
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
	s.id = defaultID(uuid.NewDefaultUuidGenerator())
	s.logError("worker execution id generator failed, using a default id", err)
}

// defaultID returns an id of the default generator, or a random one where that panics, as it does where the reader fails that a program
// gave to package uuid.
func defaultID(generator *uuid.DefaultUuidGenerator) (id string) {
	if guard(func() { id = generator.Generate() }) == nil {
		return id
	}

	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80

	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
