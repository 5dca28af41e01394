package browsertest

import "fmt"

const stackText = `goroutine 1509 [running]:
runtime.gopanic({0x7fc1d0?, 0xa?})
	/usr/local/go/src/runtime/panic.go:787 +0x132
example.com/shop/orders.(*Consumer).store(0xc0001)
	/src/orders/consumer.go:118 +0x5c
example.com/shop/orders.(*Consumer).Run(0xc0001, {0xb2, 0xc0})
	/src/orders/consumer.go:61 +0x1f4
github.com/ankorstore/yokai/worker.(*supervisor).runOnce(0xc0003)
	/src/worker/attempt.go:71 +0x98`

// everything is a report with all that the page can show.
func everything() pool {
	return pool{
		head: fields{"control": true, "instance": fields{
			"id": "1", "name": "web-1", "host": "shop-7d9f4", "pid": 1, "startedAt": ago(3 * 86400), "version": "v1.8.2",
		}},
		workers: append(failing(), append(starting(), calm()...)...),
	}
}

func failing() []fields {
	const down = "dial tcp 10.2.0.14:5432: connect: connection refused"
	events := []fields{}
	for i := range 6 {
		events = append(events, event(ago(600-100*i), fmt.Sprintf("starting execution attempt %d/unlimited", i+1)),
			event(ago(590-100*i), fmt.Sprintf("stopping execution attempt %d/unlimited with error: %s", i+1, down)))
	}

	return []fields{
		worked("price-sync", "waiting", fields{
			"attempt": 6, "maxAttempts": -1, "consecutiveFailures": 6, "fine": false, "ready": false, "nextAttemptAt": ago(-240),
			"lastError": down, "lastErrorAt": ago(90), "events": events,
		}),
		worked("stock-sync", "waiting", fields{
			"attempt": 2, "maxAttempts": -1, "consecutiveFailures": 1, "nextAttemptAt": ago(-20), "lastError": down, "lastErrorAt": ago(8), "optional": true,
		}),
		worked("invoice-archiver", "error", fields{
			"attempt": 3, "maxAttempts": 3, "consecutiveFailures": 3, "gaveUp": true, "fine": false, "ready": false,
			"lastError": "open /archive/2026: permission denied", "lastErrorAt": ago(1800),
		}),
		worked("search-indexer", "stuck", fields{"fine": false, "live": false, "ready": false, "heartbeat": 60, "lastBeatAt": ago(190)}),
	}
}

func starting() []fields {
	return []fields{
		worked("migration", "success", fields{"since": ago(80), "endedAt": ago(80)}),
		worked("cache-warmer", "running", fields{"dependsOn": []string{"migration"}, "ready": false, "fine": false, "since": ago(79)}),
		worked("api", "pending", fields{
			"attempt": 0, "startedAt": nil, "dependsOn": []string{"cache-warmer", "migration"}, "waitingFor": []string{"cache-warmer"},
			"ready": false, "fine": false, "since": ago(80),
		}),
	}
}

func calm() []fields {
	runs := []fields{}
	for i := range 20 {
		status := "success"
		if i == 12 {
			status = "error"
		}
		begin := (20-i)*86400 - 9000
		runs = append(runs, fields{"startedAt": ago(begin), "endedAt": ago(begin - 40 - i*i%7*30), "status": status, "executionId": fmt.Sprintf("run-%04d", i)})
	}
	nested := []fields{{"at": ago(0), "state": "started", "workers": []fields{
		worked("tenant-a", "running", nil), worked("tenant-b", "waiting", fields{"consecutiveFailures": 4, "attempt": 4, "maxAttempts": -1, "lastError": "unexpected EOF"}),
	}}}

	return []fields{
		worked("nightly-report", "waiting", fields{"scheduled": true, "runs": runs, "nextAttemptAt": ago(-9000), "lastSuccessAt": ago(77000)}),
		worked("importer", "running", fields{"nested": nested, "options": fields{"max attempts": "unlimited", "backoff": "exponential 100ms to 30s"}}),
		worked("orders-consumer", "running", fields{
			"attempt": 2, "maxAttempts": 5, "lastError": "assignment to entry in nil map", "lastErrorAt": ago(7200), "lastStack": stackText,
			"heartbeat": 30, "lastBeatAt": ago(2), "events": []fields{
				event(ago(7300), "starting execution attempt 1/5"),
				event(ago(7200), "stopping execution attempt 1/5 with recovered panic: assignment to entry in nil map"),
				event(ago(7199), "starting execution attempt 2/5"),
			},
		}),
		worked("queue-poller", "running", fields{"calls": 12044, "lastCallAt": ago(3), "nextCallAt": ago(-7)}),
		worked("session-sweeper", "stopped", fields{"cause": "worker stopped", "events": []fields{event(ago(40), "stopped as asked for by ann (10.0.0.7:51234)")}}),
	}
}
