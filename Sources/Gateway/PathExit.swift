/// The only way off the request path before its end.
enum PathExit: Error, Sendable {
    /// Steward decided against the request.
    case refused(Refusal)
    /// The model server could not answer.
    case upstream(UpstreamFailure)
    /// Nobody is there any more to answer.
    case clientLeft
    /// A fault of ours; the detail goes to the log, never to the caller.
    case `internal`(String)
}
