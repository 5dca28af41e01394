package migrating_test

import (
	"context"
	"errors"
)

var errNoConnection = errors.New("no connection")

// block runs until it is cancelled.
func block(ctx context.Context) error {
	<-ctx.Done()

	return ctx.Err()
}
