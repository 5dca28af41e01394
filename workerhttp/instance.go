package workerhttp

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"runtime/debug"
	"time"
)

// processStart is when this package was set up, before main began. It never changes.
var processStart = time.Now()

// instance tells which process answers. All handlers of one process that have the same name are one instance.
type instance struct {
	ID        string    `json:"id"` // differs from that of any other instance
	Name      string    `json:"name,omitempty"`
	Host      string    `json:"host"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
	Version   string    `json:"version,omitempty"` // of the main module
}

func newInstance() instance {
	i := instance{PID: os.Getpid(), StartedAt: processStart}
	i.Host, _ = os.Hostname() // one that is not known stays empty
	if info, ok := debug.ReadBuildInfo(); ok {
		i.Version = info.Main.Version
	}

	return i
}

// identified returns the instance with the id that the rest of it makes.
func (i instance) identified() instance {
	sum := sha256.Sum256(marshal(i))
	i.ID = hex.EncodeToString(sum[:8])

	return i
}
