internal import Filtering
internal import Gateway
internal import Judges
internal import NIOCore

extension ServerAssembly {
    mutating func judges(_ written: [WrittenJudge]) -> [JudgeSettings] {
        var names: [String: SettingPlace] = [:]
        return written.compactMap { judge in
            if let name = judge.fields["name"] {
                if let first = names[name.texts[0]] {
                    report(
                        name.place, "The judge name \(Shown.quoted(name.texts[0])) is taken at \(first).",
                        "Choose another `name`.")
                }
                names[name.texts[0]] = names[name.texts[0]] ?? name.place
                let server = JudgeSettings.serverName(name.texts[0])
                if let upstream = upstreamNames[server] {
                    report(
                        upstream, "The upstream name \(Shown.quoted(server)) is that of a judge.",
                        "Choose another `name`.")
                }
            }
            return self.judge(judge)
        }
    }

    /// `nil` where something is missing, which was reported.
    private mutating func judge(_ written: WrittenJudge) -> JudgeSettings? {
        let fields = written.fields
        guard let name = fields["name"]?.texts[0],
            let form = fields["form"].flatMap({ JudgeForm(rawValue: $0.texts[0]) }),
            let clauses = fields["clauses"], let address = fields["url"], let url = try? UpstreamURL(address.texts[0])
        else { return nil }
        var judge = Judge(name: name, form: form, clauses: clauses.texts)
        judge.model = fields["model"]?.texts[0]
        if let sides = fields["sides"] {
            judge.sides = Set(Side.allCases.filter { sides.texts.contains($0.name) })
            if judge.sides.isEmpty { report(sides.place, "`sides` is empty.", "Write prompt, completion or both.") }
        }
        occasion(fields, of: &judge)
        conduct(fields, of: &judge)
        check(judge, fields, written.place)
        var server = UpstreamSettings(
            name: JudgeSettings.serverName(name), host: url.host, port: url.port, usesTLS: url.usesTLS,
            basePath: url.basePath)
        server.credential = credential(fields)
        noteOpen(server.credential, url, address.place)
        server.connectionsMax = fields.integer("connections_max") ?? 64
        if let authorities = fields["authorities_file"] {
            server.authoritiesFile = authorities.texts[0]
            check(authorities: authorities, usesTLS: url.usesTLS)
        }
        // A judge's time is that of all its questions together; no part may take longer.
        let time = TimeAmount(judge.timeout)
        (server.timeouts.connect, server.timeouts.firstByte) = (time, time)
        (server.timeouts.idle, server.timeouts.total) = (time, time)
        return JudgeSettings(judge: judge, server: server, head: head(fields, of: judge, written.place))
    }

    private mutating func occasion(_ fields: [String: Written], of judge: inout Judge) {
        judge.occasion.from = fields.share("ask_from_percent") ?? judge.occasion.from
        judge.occasion.below = fields.share("ask_below_percent") ?? judge.occasion.below
        judge.occasion.isAlways = fields.flag("ask_always") ?? judge.occasion.isAlways
        judge.occasion.isForUncovered = fields.flag("ask_uncovered") ?? judge.occasion.isForUncovered
        guard judge.occasion.from >= judge.occasion.below else { return }
        let place = (fields["ask_from_percent"] ?? fields["ask_below_percent"])?.place
        if let place {
            report(
                place, "`ask_from_percent` is not below `ask_below_percent`.", "Lower the first or raise the second.")
        }
    }

    private func conduct(_ fields: [String: Written], of judge: inout Judge) {
        judge.threshold = fields.share("threshold_percent") ?? judge.threshold
        judge.onFailure =
            fields["on_failure"].flatMap { Judge.FailurePolicy(rawValue: $0.texts[0]) } ?? judge.onFailure
        judge.isShadow = fields.flag("shadow") ?? judge.isShadow
        judge.streams = fields["streams"].flatMap { StreamMode(rawValue: $0.texts[0]) } ?? judge.streams
        judge.timeout = fields.duration("timeout") ?? judge.timeout
        judge.questionsPerMinute = fields.integer("questions_per_minute") ?? judge.questionsPerMinute
        judge.cacheEntries = fields.integer("cache_entries") ?? judge.cacheEntries
        judge.cacheTime = fields.duration("cache_time") ?? judge.cacheTime
        judge.textBytesMax = fields.integer("text_bytes_max") ?? judge.textBytesMax
        judge.language = fields["language"]?.texts[0] ?? judge.language
    }

    private mutating func check(_ judge: Judge, _ fields: [String: Written], _ place: SettingPlace) {
        if judge.clauses.isEmpty || judge.form.judgesOneClause && judge.clauses.count > 1 {
            report(
                fields["clauses"]?.place ?? place,
                judge.clauses.isEmpty
                    ? "`clauses` is empty." : "A judge of the form `\(judge.form.rawValue)` can't tell clauses apart.",
                "Name \(judge.form.judgesOneClause ? "one clause" : "at least one clause") of the guidelines.")
        }
        if judge.form == .embeddings, fields["head"] == nil {
            report(
                place, "A judge by embeddings needs a `head`.",
                "Make one with `steward filter train --embeddings`, and name the file.")
        } else if judge.form != .embeddings, let head = fields["head"] {
            report(head.place, "Only a judge of the form `embeddings` has a `head`.", "Take the line out.")
        }
        if let pass = fields["streams"], judge.streams == .pass, !judge.sides.contains(.completion) {
            report(pass.place, "`streams` is about answers, of which this judge is not asked.", "Take the line out.")
        }
    }

    private mutating func head(_ fields: [String: Written], of judge: Judge, _ place: SettingPlace) -> EmbeddingHead? {
        guard judge.form == .embeddings, let file = fields["head"] else { return nil }
        do {
            let head = try EmbeddingHead(file: BinaryFile.read(file.texts[0], bytesMax: EmbeddingHead.fileBytesMax))
            if let model = judge.model, model != head.model {
                notices.append(
                    "\(file.place): This head was made with the vectors of \(Shown.quoted(head.model)), not of "
                        + "\(Shown.quoted(model)).")
            }
            return head
        } catch {
            report(
                file.place, "`head` names a file that is none. \(error)",
                "Make one with `steward filter train --embeddings`.")
            return nil
        }
    }
}

extension [String: Written] {
    /// Of hundredths.
    fileprivate func share(_ name: String) -> Double? { integer(name).map { Double($0) / 100 } }

    fileprivate func flag(_ name: String) -> Bool? {
        if case .flag(let flag)? = self[name]?.value { flag } else { nil }
    }
}
