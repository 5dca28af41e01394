// Package browsertest drives a real Chromium against the status page of package workerhttp. It has tests only, in a module of
// its own, so that what they need never reaches a user of the library.
//
//	apt-get install -y chromium npm
//	go test -race ./...
//
// The tests fail where no Chromium is found. They leave pictures of the page in screenshots/. Where axe-core is missing they install it with
// npm ci, into node_modules/: it is not part of this repository.
package browsertest
