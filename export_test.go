package worker

// MayComeFrom reports whether the row of a transition names a status that it may come from, for the tests outside.
func (k TransitionKind) MayComeFrom(status WorkerStatus) bool {
	return transitions[k].from.has(status)
}
