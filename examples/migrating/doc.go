// Package migrating holds the code of docs/migrating.md, before and after, one file for each library that is left. All of it is
// run as tests. It is a module of its own, so that those libraries never reach a user of the worker module.
package migrating
