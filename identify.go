package worker

import (
	"errors"

	"github.com/ankorstore/yokai/generate/uuid"
)

// newID returns an id of the pool's generator, or a default one and why.
func (s *supervisor) newID() (string, error) {
	generator := s.pool.options.Generator
	if own, ok := generator.(*uuid.DefaultUuidGenerator); ok {
		return own.Generate(), nil
	}

	var id string
	err := guard(func() { id = generator.Generate() })
	if err == nil && id == "" {
		err = errors.New("empty id")
	}
	if err != nil {
		id = uuid.NewDefaultUuidGenerator().Generate()
	}

	return id, err
}

// renewLogger makes the logger of the coming attempt. It is not inlined for the size of its frame.
//
//go:noinline
func (s *supervisor) renewLogger() {
	logger := s.generation.logger.With().Str(LogRecordFieldWorkerName, s.name).Str(LogRecordFieldWorkerExecutionId, s.id).Logger()
	s.logger = &logger
}
