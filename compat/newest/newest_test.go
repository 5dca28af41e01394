// Package newest tests the library at the newest versions of what it requires. The go.mod of the library names the lowest that do,
// so that it moves nothing in a service; this module's names the newest, and is the one that is raised.
package newest

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// What the go.mod of the library requires, so that this one requires it directly.
	_ "github.com/ankorstore/yokai/generate/uuid"
	_ "github.com/ankorstore/yokai/healthcheck"
	_ "github.com/ankorstore/yokai/log"
	_ "github.com/ankorstore/yokai/worker"
	_ "github.com/ankorstore/yokai/worker/examples/recipes"
	_ "github.com/ankorstore/yokai/worker/healthcheck"
	_ "github.com/ankorstore/yokai/worker/workerhttp"
	_ "github.com/google/uuid"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_model/go"
	_ "github.com/rs/zerolog"
	_ "go.opentelemetry.io/otel"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "go.opentelemetry.io/otel/trace"
	_ "go.uber.org/goleak"
	_ "google.golang.org/protobuf/types/known/timestamppb"
)

// The model and the soak have run at the lowest versions, and take most of the time.
const tooLong = "^Test(Model|Soak)$"

func TestLibraryAtNewestVersions(t *testing.T) {
	library := strings.Fields(run(t, "list", "-f", "{{if not .Module.Main}}{{.ImportPath}}{{end}}", "github.com/ankorstore/yokai/worker/..."))
	require.Contains(t, library, "github.com/ankorstore/yokai/worker")

	run(t, append([]string{"vet"}, library...)...)
	t.Log(run(t, append([]string{"test", "-count=1", "-skip", tooLong}, library...)...))
}

// A requirement that is new to the library is raised here too.
func TestAllRequirementsAreHere(t *testing.T) {
	here := requirements(t, "go.mod")
	for module := range requirements(t, "../../go.mod") {
		assert.Contains(t, here, module, "import it above, and run go mod tidy")
	}
}

// requirements returns the modules that a go.mod requires directly.
func requirements(t *testing.T, file string) map[string]bool {
	t.Helper()
	direct := map[string]bool{}
	for line := range strings.Lines(run(t, "mod", "edit", "-print", file)) {
		if name, found := strings.CutPrefix(line, "\t"); found && !strings.Contains(line, "// indirect") {
			direct[strings.Fields(name)[0]] = true
		}
	}

	return direct
}

func run(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := exec.Command("go", arguments...).CombinedOutput()
	require.NoError(t, err, "go %s\n%s", strings.Join(arguments, " "), output)

	return string(output)
}
