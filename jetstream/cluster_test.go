package jetstream_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// long has the tests of a cluster take as much as the figures in docs/scaling.md are from.
var long = flag.Bool("cluster.long", false, "run the tests of a cluster at full length, some minutes")

// nodeEnv tells the test binary to be a server of a cluster: its value is a nodeConfig.
const nodeEnv = "JETSTREAM_TEST_NODE"

type nodeConfig struct {
	Name, Dir         string
	Port, ClusterPort int
	Routes            []int // the cluster's ports
}

// cluster is three servers on loopback, each a process of its own.
type cluster struct {
	t       *testing.T
	configs [3]nodeConfig
	nodes   [3]*exec.Cmd
}

func startCluster(t *testing.T) *cluster {
	t.Helper()

	c := &cluster{t: t}
	var routes []int
	for i := range c.configs {
		c.configs[i] = nodeConfig{Name: fmt.Sprintf("n%d", i), Dir: t.TempDir(), Port: freePort(t), ClusterPort: freePort(t)}
		routes = append(routes, c.configs[i].ClusterPort)
	}
	for i := range c.configs {
		c.configs[i].Routes = routes
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.end(i, syscall.SIGKILL)
		}
	})

	return c
}

func freePort(t *testing.T) int {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()

	return listener.Addr().(*net.TCPAddr).Port
}

func (c *cluster) start(i int) {
	c.t.Helper()

	binary, err := os.Executable()
	require.NoError(c.t, err)
	config, err := json.Marshal(c.configs[i])
	require.NoError(c.t, err)
	node := exec.Command(binary)
	node.Env = append(os.Environ(), nodeEnv+"="+string(config))
	node.Stderr = os.Stderr
	require.NoError(c.t, node.Start())
	c.nodes[i] = node
}

// end ends a server with a signal, and waits for it.
func (c *cluster) end(i int, signal os.Signal) {
	_ = c.nodes[i].Process.Signal(signal)
	_ = c.nodes[i].Wait()
}

// nodeMain is the main of a server: its exit status.
func nodeMain() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()

	var config nodeConfig
	if err := json.Unmarshal([]byte(os.Getenv(nodeEnv)), &config); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	options := &server.Options{
		ServerName: config.Name, Host: "127.0.0.1", Port: config.Port, JetStream: true, StoreDir: config.Dir, NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: config.ClusterPort},
	}
	for _, port := range config.Routes {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	s, err := server.NewServer(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	s.Start()
	<-ctx.Done()
	stopServer(s)

	return 0
}

// connect returns a client of all servers.
func (c *cluster) connect() (*nats.Conn, jetstream.JetStream) {
	c.t.Helper()

	var urls []string
	for _, config := range c.configs {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", config.Port))
	}
	conn, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	require.NoError(c.t, err)
	c.t.Cleanup(func() { closeConn(conn) })
	js, err := jetstream.New(conn)
	require.NoError(c.t, err)

	return conn, js
}

// stream makes a stream of three copies with one consumer.
func (c *cluster) stream(js jetstream.JetStream, name, subject string, config jetstream.ConsumerConfig) (consumer jetstream.Consumer) {
	c.t.Helper()

	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		_, err := js.CreateOrUpdateStream(c.t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}, Replicas: 3})
		require.NoError(t, err)
		consumer, err = js.CreateOrUpdateConsumer(c.t.Context(), name, config)
		require.NoError(t, err)
	}, patience, 100*time.Millisecond)

	return consumer
}

// leader is the name of the consumer's leader, empty while there is none.
func (c *cluster) leader(consumer jetstream.Consumer) string {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil || info.Cluster == nil {
		return ""
	}

	return info.Cluster.Leader
}

// stepDown has the consumer's leader give way.
func (c *cluster) stepDown(conn *nats.Conn, stream, name string) {
	c.t.Helper()

	_, err := conn.Request(fmt.Sprintf("$JS.API.CONSUMER.LEADER.STEPDOWN.%s.%s", stream, name), nil, 5*time.Second)
	require.NoError(c.t, err)
}

// endLeader ends the server that leads the consumer with a signal, and starts it again after a while.
func (c *cluster) endLeader(consumer jetstream.Consumer, signal os.Signal, down time.Duration) {
	c.t.Helper()

	var leader string
	require.Eventually(c.t, func() bool { leader = c.leader(consumer); return leader != "" }, patience, 20*time.Millisecond)
	for i := range c.configs {
		if c.configs[i].Name == leader {
			c.end(i, signal)
			<-time.After(down)
			c.start(i)
		}
	}
}
