package workerhttp

import (
	"net/http"
	"net/url"
	"strings"
)

// mountedPath returns the path of a request below where the handler is mounted. It is empty where the trailing slash of
// the page is missing.
func mountedPath(r *http.Request) string {
	path := r.URL.Path
	switch {
	case path == "" && strings.HasSuffix(requestedPath(r), "/"), path == "" && r.RequestURI == "":
		return "/" // the slash itself was stripped with the prefix, or the request was made by hand
	case path == "":
		return ""
	case path[0] != '/':
		return "/" + path
	}

	if rest, ok := stripPattern(r.URL.EscapedPath(), r.Pattern); ok {
		return rest
	}

	return path
}

// stripPattern takes off an escaped path what a pattern of [http.ServeMux], "[METHOD ][HOST]/[PATH]", has before its last
// slash, and returns the rest of it, no longer escaped. A path that does not begin so had its prefix stripped already.
func stripPattern(path, pattern string) (string, bool) {
	_, pattern, _ = strings.Cut(pattern, "/")
	wanted := strings.Split("/"+pattern, "/")
	wanted = wanted[:len(wanted)-1]

	got := strings.SplitN(path, "/", len(wanted)+1)
	if len(got) <= len(wanted) {
		return "", false
	}
	for i, segment := range wanted {
		if unescape(got[i]) != segment && !strings.HasPrefix(segment, "{") {
			return "", false
		}
	}

	return "/" + unescape(got[len(wanted)]), true
}

// unescape undoes what [url.URL.EscapedPath] did, which always can be undone.
func unescape(path string) string {
	path, _ = url.PathUnescape(path)

	return path
}

// requestedPath returns the escaped path that the client asked for, whatever was stripped from it since.
func requestedPath(r *http.Request) string {
	requested, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}

	return requested.EscapedPath()
}

// redirect sends to the same path with a trailing slash. The location is relative to the request, so that it holds behind a
// proxy that takes a prefix away, and begins with a dot, so that no path makes it another host's.
func redirect(w http.ResponseWriter, r *http.Request) {
	path := requestedPath(r)
	w.Header().Set("Location", "./"+path[strings.LastIndexByte(path, '/')+1:]+"/")
	write(w, r, http.StatusTemporaryRedirect, typeText, []byte("the page is one slash further\n"))
}
