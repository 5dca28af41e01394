package worker

// gate counts workers that have not ended, and lets others wait until none is left. The pool's mu guards it.
type gate struct {
	alive int
	empty chan struct{} // made by the first caller that waits, closed when alive becomes 0
}

func (g *gate) enter() {
	g.alive++
}

func (g *gate) leave() {
	g.alive--
	if g.alive == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// left returns a channel that is closed once nobody is left; nil if that is so already.
func (g *gate) left() <-chan struct{} {
	if g.alive > 0 && g.empty == nil {
		g.empty = make(chan struct{})
	}

	return g.empty
}
