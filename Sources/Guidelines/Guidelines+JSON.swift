internal import JSON

extension Guidelines {
    /// The guidelines as JSON, as `/public/v1/guidelines` serves them. Equal guidelines give equal bytes.
    package func json() -> [UInt8] {
        var writer = JSONWriter(capacity: 64 << 10)
        writer.object { writer in
            writer.key("title")
            writer.string(title)
            writer.key("language")
            writer.string(language)
            writer.key("version")
            writer.string(version)
            writer.key("short_version")
            writer.string(shortVersion)
            writer.key("published")
            writer.string(published)
            writer.key("introduction")
            writer.string(introduction)
            writer.key("clauses")
            writer.array { writer in
                for clause in clauses { clause.write(to: &writer) }
            }
        }
        return writer.bytes
    }
}

extension Clause {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id")
            writer.string(id)
            writer.key("anchor")
            writer.string(anchor)
            writer.key("title")
            writer.string(title)
            writer.key("kind")
            writer.string(kind.rawValue)
            writer.key("text")
            writer.string(text)
            writer.key("enforcement")
            writer.array { writer in
                for entry in enforcement { entry.write(to: &writer) }
            }
            writer.key("enforcement_note")
            if let enforcementNote { writer.string(enforcementNote) } else { writer.null() }
            writer.key("why_not_enforced")
            if let whyNotEnforced { writer.string(whyNotEnforced) } else { writer.null() }
            writer.key("examples")
            writer.object { writer in
                writer.key("meant")
                writer.array { writer in for example in meant { writer.string(example) } }
                writer.key("not_meant")
                writer.array { writer in for example in notMeant { writer.string(example) } }
            }
        }
    }
}

extension ClauseEnforcement {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("categories")
            writer.array { writer in for category in categories { writer.string(category.rawValue) } }
            writer.key("prompt")
            writer.string(prompt.name)
            writer.key("completion")
            writer.string(completion.name)
            writer.key("streams")
            writer.string(streams.rawValue)
            writer.key("stage")
            if let stage { writer.string(stage.rawValue) } else { writer.null() }
        }
    }
}
