package contender

// check ends the process that measures: the one that started it reports that the contender failed.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)

	return value
}
