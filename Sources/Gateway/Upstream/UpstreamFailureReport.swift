internal import Logging

/// Tells the operator, in metrics and log, what went wrong with an upstream, also where another one then served.
struct UpstreamFailureReport: Sendable {
    let metrics: UpstreamMetrics
    let log: Logger

    func note(_ failure: UpstreamFailure, of upstream: String, in trace: Trace) {
        metrics.failed(upstream, failure)
        var metadata: Logger.Metadata = [
            "request_id": "\(trace.id)", "upstream": "\(upstream)", "failure": "\(failure.code)",
        ]
        if let detail = failure.detail { metadata["detail"] = "\(detail)" }
        log.warning("upstream failed", metadata: metadata)
    }
}
