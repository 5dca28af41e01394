package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// startTimeout is the time that the server has to recover what is in its folder.
const startTimeout = 30 * time.Second

// serve runs a NATS server with JetStream, whose streams are files in a folder.
type serve struct {
	addr, dir string
}

func (s *serve) flags(set *flag.FlagSet) {
	set.StringVar(&s.addr, "addr", "127.0.0.1:4222", "`address` to listen on; port 0 is any free one")
	set.StringVar(&s.dir, "dir", "jetstream-data", "`folder` of the streams, made if missing")
}

func (s *serve) run(ctx context.Context) error {
	options, err := s.options()
	if err != nil {
		return err
	}
	nats, err := server.NewServer(options)
	if err != nil {
		return err
	}

	nats.Start()
	defer nats.WaitForShutdown()
	defer nats.Shutdown()
	if !nats.ReadyForConnections(startTimeout) {
		return fmt.Errorf("the server is not ready: is %s free?", s.addr)
	}
	if !nats.JetStreamEnabled() {
		return errors.New("the server has no JetStream")
	}

	zerolog.Ctx(ctx).Info().Str("url", nats.ClientURL()).Str("dir", s.dir).Msg("serving")
	<-ctx.Done()

	return nil
}

func (s *serve) options() (*server.Options, error) {
	host, text, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, fmt.Errorf("cannot serve -addr: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("cannot serve -addr: port %q", text)
	}
	options := &server.Options{Host: host, Port: int(port), JetStream: true, StoreDir: s.dir, NoSigs: true, NoLog: true}
	if port == 0 {
		options.Port = server.RANDOM_PORT
	}

	return options, nil
}
