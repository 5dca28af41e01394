package workerhttp

import (
	"net/http"
	"net/url"
	"strings"
)

// mountedPaths returns what the escaped path of a request may be below where the handler is mounted, the likelier first. It is empty
// where the trailing slash of the page is missing.
//
// A pattern that matched is to be taken off, unless the service took it off already. Where a prefix was taken off it may have been that
// of the pattern, or of a mux around the one that matched: below "/assets/" both look the same.
func mountedPaths(r *http.Request) []string {
	path := r.URL.EscapedPath()
	requested := requestedPath(r)
	switch {
	case path == "" && strings.HasSuffix(requested, "/"), path == "" && r.RequestURI == "":
		return []string{"/"} // the slash itself was stripped with the prefix, or the request was made by hand
	case path == "":
		return []string{""}
	case path[0] != '/':
		return []string{"/" + path}
	}

	rest, matches := stripPattern(r)
	switch {
	case !matches:
		return []string{path}
	case requested == path:
		return []string{rest}
	default:
		return []string{path, rest}
	}
}

// stripPattern takes off a request's path what the pattern of [http.ServeMux] that it matched, "[METHOD ][HOST]/[PATH]", has before its
// last slash, and returns the rest of it, escaped. A path that does not begin so had its prefix stripped already.
func stripPattern(r *http.Request) (string, bool) {
	_, pattern, _ := strings.Cut(r.Pattern, "/")
	wanted := strings.Split("/"+pattern, "/")
	wanted = wanted[:len(wanted)-1]

	got := strings.SplitN(r.URL.EscapedPath(), "/", len(wanted)+1)
	if len(got) <= len(wanted) {
		return "", false
	}
	for i, segment := range wanted {
		if wildcard, ok := strings.CutPrefix(segment, "{"); ok {
			segment = r.PathValue(strings.TrimSuffix(wildcard, "}"))
		}
		if unescape(got[i]) != segment {
			return "", false
		}
	}

	return "/" + got[len(wanted)], true
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
