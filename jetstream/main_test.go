package jetstream_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be a replica of a service, or a server, too.
func TestMain(m *testing.M) {
	if os.Getenv(replicaEnv) != "" {
		os.Exit(replicaMain())
	}

	if os.Getenv(nodeEnv) != "" {
		os.Exit(nodeMain())
	}

	goleak.VerifyTestMain(m)
}
