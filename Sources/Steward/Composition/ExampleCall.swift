internal import ArgumentParser

/// The call that the examples of a first run make. A base model continues a text; asked as in a chat it babbles.
enum ExampleCall: String, CaseIterable, Sendable, ExpressibleByArgument {
    case chat
    case completions

    /// One for `curl` and one for the `openai` package, which work when pasted.
    func text(baseURL: String, key: String, model: String) -> String {
        """
        curl \(baseURL)/\(path) \\
          -H "Authorization: Bearer \(key)" \\
          -H "Content-Type: application/json" \\
          -d '{"model": "\(model)", \(body)}'

        With Python (pip install openai):

        from openai import OpenAI

        client = OpenAI(base_url="\(baseURL)", api_key="\(key)")
        \(python(model: model))

        """
    }

    private var path: String {
        switch self {
        case .chat: "chat/completions"
        case .completions: "completions"
        }
    }

    private var body: String {
        switch self {
        case .chat: #""messages": [{"role": "user", "content": "Say hello."}]"#
        case .completions: #""prompt": "The three primary colours are", "max_tokens": 32"#
        }
    }

    private func python(model: String) -> String {
        switch self {
        case .chat:
            """
            answer = client.chat.completions.create(
                model="\(model)", messages=[{"role": "user", "content": "Say hello."}])
            print(answer.choices[0].message.content)
            """
        case .completions:
            """
            events = client.completions.create(
                model="\(model)", prompt="The three primary colours are", max_tokens=32, stream=True)
            for event in events:
                print(event.choices[0].text, end="", flush=True)
            """
        }
    }
}
