package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A worker that ships orders, four at once, in however many replicas.
func ExampleNewConsumerWorker() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	js, closeAll := exampleServer()
	defer closeAll()

	_, _ = js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	consumer, err := js.CreateOrUpdateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "shipping", MaxDeliver: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	shipping := workerjetstream.NewConsumerWorker("shipping", consumer,
		func(_ context.Context, msg jetstream.Msg) error {
			fmt.Printf("shipped %s\n", msg.Data())
			cancel() // a service goes on, of course
			return nil
		},
		workerjetstream.WithConcurrency(4),
		workerjetstream.WithBackoff(worker.ExponentialBackoff(time.Second, time.Minute)),
	)
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithWorker(shipping, worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}

	_, _ = js.Publish(ctx, "orders.new", []byte("order 7"))
	fmt.Println(pool.Run(ctx))
	// Output:
	// shipped order 7
	// <nil>
}

// A worker that is active in one replica at a time, with the configuration that its consumer needs.
func ExampleNewSingletonWorker() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	js, closeAll := exampleServer()
	defer closeAll()

	_, _ = js.CreateStream(ctx, jetstream.StreamConfig{Name: "BILLS", Subjects: []string{"bills.>"}})
	consumer, err := js.CreateOrUpdateConsumer(ctx, "BILLS", jetstream.ConsumerConfig{
		Durable:        "billing",
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        15 * time.Second,
		MaxAckPending:  1,
		MaxDeliver:     10,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{"main"},
		PinnedTTL:      5 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	billing := workerjetstream.NewSingletonWorker("billing", consumer, "main",
		func(_ context.Context, msg jetstream.Msg) error {
			fmt.Printf("billed %s\n", msg.Data())
			cancel()
			return nil
		},
	)

	_, _ = js.Publish(ctx, "bills.new", []byte("order 7"))
	fmt.Println(billing.Run(ctx))
	// Output:
	// billed order 7
	// <nil>
}

// A worker that makes its own consumer, and whose failing messages neither hold up others nor get lost.
func ExampleNewConsumerWorkerFromConfig() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	js, closeAll := exampleServer()
	defer closeAll()

	_, _ = js.CreateStream(ctx, jetstream.StreamConfig{
		Name:              "ORDERS",
		Subjects:          []string{"orders.>", "retry.>"},
		AllowMsgSchedules: true,
	})
	_, _ = js.CreateStream(ctx, jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead.>"}})
	type order struct{ Number int }
	shipping := workerjetstream.NewConsumerWorkerFromConfig("shipping", js, "ORDERS",
		jetstream.ConsumerConfig{
			Durable:       "shipping",
			FilterSubject: "orders.>",
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       15 * time.Second,
			MaxDeliver:    5,
		},
		workerjetstream.Decode(json.Unmarshal, func(_ context.Context, _ jetstream.Msg, o order) error {
			fmt.Println("shipped", o.Number)
			cancel()
			return nil
		}),
		workerjetstream.WithConcurrency(4),
		workerjetstream.WithMessageTimeout(30*time.Second),
		workerjetstream.WithRescheduling("retry"),
		workerjetstream.WithDeadLetters("dead.orders"),
	)

	_, _ = js.Publish(ctx, "orders.new", []byte("no order"))
	_, _ = js.Publish(ctx, "orders.new", []byte(`{"number": 7}`))
	fmt.Println(shipping.Run(ctx))
	dead, _ := js.Stream(context.Background(), "DEAD")
	letter, _ := dead.GetLastMsgForSubject(context.Background(), "dead.orders")
	fmt.Printf("dead letter %q: %s\n", letter.Data, letter.Header.Get(workerjetstream.HeaderError))
	// Output:
	// shipped 7
	// <nil>
	// dead letter "no order": invalid character 'o' in literal null (expecting 'u')
}

// newNightly returns a worker that makes a report once among all replicas, each time that the server says it is due.
func newNightly(ctx context.Context, js jetstream.JetStream, cron string, report worker.HandlerFunc) (worker.Worker, error) {
	_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              "NIGHTLY",
		Subjects:          []string{"nightly.>"},
		MaxMsgsPerSubject: 1, // what was missed is made up for once, not once a night
		AllowMsgSchedules: true,
	})
	if err != nil {
		return nil, err
	}
	_, err = js.Publish(ctx, "nightly.schedule", nil, // by each replica: the last one counts
		jetstream.WithScheduleCron(cron), jetstream.WithScheduleTarget("nightly.due"))
	if err != nil {
		return nil, err
	}

	config := jetstream.ConsumerConfig{
		Durable:        "nightly",
		FilterSubject:  "nightly.due",
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        15 * time.Second,
		MaxAckPending:  1,
		MaxDeliver:     3, // the attempts of one night
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{"main"},
		PinnedTTL:      5 * time.Second,
	}
	handle := func(ctx context.Context, _ jetstream.Msg) error { return report(ctx) }

	return workerjetstream.NewConsumerWorkerFromConfig("nightly", js, "NIGHTLY", config, handle,
		workerjetstream.WithBackoff(worker.ConstantBackoff(10*time.Minute))), nil
}

// A job that every replica has, and that one of them runs at each due time of a cron expression.
func ExampleNewConsumerWorkerFromConfig_schedule() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	js, closeAll := exampleServer()
	defer closeAll()

	// "0 30 4 * * *" is half past four, in UTC; this one is due every second.
	nightly, err := newNightly(ctx, js, "* * * * * *", func(context.Context) error {
		fmt.Println("report made")
		cancel()
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pool := worker.NewWorkerPool(
		worker.WithWorker(nightly, worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)),
	)
	fmt.Println(pool.Run(ctx))
	// Output:
	// report made
	// <nil>
}

// exampleServer stands for the NATS server that a service connects to.
func exampleServer() (js jetstream.JetStream, closeAll func()) {
	dir, err := os.MkdirTemp("", "jetstream-example-")
	if err != nil {
		panic(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		panic(err)
	}
	s.Start()
	s.ReadyForConnections(patience)
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		panic(err)
	}
	js, err = jetstream.New(conn)
	if err != nil {
		panic(err)
	}

	return js, func() {
		closeConn(conn)
		stopServer(s)
		_ = os.RemoveAll(dir)
	}
}
