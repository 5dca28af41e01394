package worker

import (
	"errors"

	"github.com/ankorstore/yokai/generate/uuid"
	"github.com/rs/zerolog"
)

// identify gives the coming attempt its id and its logger.
func (s *supervisor) identify() {
	s.next = startingAttempt
	if s.attempt == 0 {
		s.next = deferringStart
	}

	if s.id == "" {
		s.launchSuccessor() // it shall not wait for a user's code
	}

	var err error
	if s.attempt > 0 || s.id == "" {
		s.id, err = s.newID()
	}
	if s.generation.logger != nil {
		s.renewLogger()
	}

	if err != nil {
		s.log(zerolog.ErrorLevel, "worker execution id generator failed, using a default id", &detail{text: err.Error(), err: err})
	}
}

// renewLogger makes the logger of the coming attempt. It is not inlined for the size of its frame.
//
//go:noinline
func (s *supervisor) renewLogger() {
	logger := s.generation.logger.With().Str(LogRecordFieldWorkerName, s.name).Str(LogRecordFieldWorkerExecutionId, s.id).Logger()
	s.logger = &logger
}

// newID returns an id of the pool's generator, or a default one and why.
func (s *supervisor) newID() (string, error) {
	generator := s.pool.options.Generator
	if own, ok := generator.(*uuid.DefaultUuidGenerator); ok {
		return own.Generate(), nil
	}

	var id string
	err := call(func() { id = generator.Generate() })
	if err == nil && id == "" {
		err = errors.New("empty id")
	}
	if err != nil {
		id = uuid.NewDefaultUuidGenerator().Generate()
	}

	return id, err
}
