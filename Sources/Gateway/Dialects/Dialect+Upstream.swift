internal import JSON

extension Screened {
    var request: Parsed { admitted.request }

    /// What a request to this upstream calls the model.
    func modelName(at upstream: UpstreamSettings) -> String {
        let settings = admitted.model.settings
        // Options stand behind the name, so it is sent as the caller wrote it.
        return settings.takesOptions ? request.facts.model : upstream.model ?? settings.name
    }
}

extension Forwarded {
    var request: Parsed { screened.request }

    /// The name by which the caller asked for the model, where the upstream knows another: answers say the caller's.
    var renamed: String? {
        let asked = request.facts.model
        return asked == screened.modelName(at: upstream.pool.settings) ? nil : asked
    }
}

extension Dialect {
    /// Says in a request what its upstream must be told besides: its name of the model, the output cap that tokens are
    /// reserved by, and the wish for usage.
    func complete(_ request: Screened, for upstream: UpstreamSettings, into edits: inout JSONEdits) {
        let document = request.request.document
        let facts = request.request.facts
        let model = request.modelName(at: upstream)
        if model != facts.model { edits.setMember("model", raw: JSONWriter.json(model), of: document.root) }
        if let member = traits.outputCapMember, facts.outputTokensMax == nil {
            var cap: [UInt8] = []
            cap.appendDecimal(request.admitted.outputTokensMax)
            edits.setMember(member, raw: cap, of: document.root)
        }
        if facts.mustNotBeStored, !request.admitted.model.settings.admitsUnscreened.contains(.storedText) {
            edits.setMember("store", raw: Array("false".utf8), of: document.root)
        }
        guard facts.isStream, !facts.asksForUsage else { return }
        if let options = document.member("stream_options", of: document.root), document.kind(options) == .object {
            edits.setMember("include_usage", raw: Array("true".utf8), of: options)
        } else {
            edits.setMember("stream_options", raw: Array(#"{"include_usage":true}"#.utf8), of: document.root)
        }
    }
}
