internal import ArgumentParser
internal import Filtering
internal import Foundation

extension FilterCommand {
    struct Train: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Train a content classifier, or a head on embeddings, from labelled texts on standard input.",
            discussion: """
                A line of input is an object with a `text`, its `labels` (1 or 0 by head; what is not known is left out), \
                the `set` it belongs to, and its `split`: `train`, `validation` (thresholds are taken from it) or `test` \
                (left alone). The recipe says what is judged, what each set counts and how texts are varied. The same \
                input and recipe give the same bytes.

                With `--embeddings`, a server is asked for the vectors of the texts as they are, and a head for a judge of \
                the form `embeddings` is made of them; of the recipe, the names of heads and their categories count.

                EXAMPLES
                  python3 Classifier/sets.py DATA | steward filter train --recipe Classifier/recipe.yaml --output content.classifier
                """)

        @Option(
            help: ArgumentHelp(
                "How to train: a file of YAML, with its grammars in `grammars` beside it.", valueName: "file"))
        var recipe: String

        @Option(help: ArgumentHelp("Where to write the classifier, or the head.", valueName: "file"))
        var output: String

        @Option(help: ArgumentHelp("Base address of a server with `/v1/embeddings`.", valueName: "url"))
        var embeddings: String?

        @Option(help: ArgumentHelp("What that server calls its model.", valueName: "name"))
        var embeddingModel: String?

        func validate() throws {
            if (embeddings == nil) != (embeddingModel == nil) {
                throw ValidationError("Give both `--embeddings` and `--embedding-model`, or neither.")
            }
        }

        func run() async throws {
            let texts = try readTexts()
            if let embeddings, let embeddingModel {
                let head = try await EmbeddingTraining(
                    url: try UpstreamURL(embeddings), model: embeddingModel, categories: try readRecipe().categories
                ).head(of: texts)
                return try write(head.file, "\(head.outputs.count) outputs on \(head.dimension) numbers")
            }
            let training = try make(texts)
            let progress = TrainingProgress()
            let model: ClassifierModel
            do {
                model = try training.run(progress: progress.show)
            } catch {
                throw CommandFailure(Self.reason(error), .noInput)
            }
            progress.end()
            let file = model.file
            do {
                _ = try ClassifierModel(file: file)
            } catch {
                throw CommandFailure("What came out is no classifier, so nothing was written. \(error)", .configuration)
            }
            try write(file, "\(model.heads.count) heads, 2^\(model.bits) rows")
        }

        private func write(_ file: [UInt8], _ what: String) throws {
            do {
                try Data(file).write(to: URL(fileURLWithPath: output), options: .atomic)
            } catch {
                throw CommandFailure("\(output) can't be written: \(error.localizedDescription)", .inputOutput)
            }
            Output.warn("Wrote \(output): \(what), \(file.count) bytes.")
        }

        private func readRecipe() throws -> ClassifierRecipe {
            do {
                return try ClassifierRecipe(yaml: try TextFile.read(recipe))
            } catch let error as ClassifierRecipe.ReadError {
                throw CommandFailure("\(recipe): \(error.message)", .configuration)
            }
        }

        private func readTexts() throws -> [TrainingText] {
            var source = LineSource(STDIN_FILENO)
            var texts: [TrainingText] = []
            var number = 0
            do {
                while let lines = try source.next() {
                    for line in lines {
                        number += 1
                        guard case .whole(let bytes) = line else {
                            throw CommandFailure("Line \(number) of standard input is too long.", .noInput)
                        }
                        if !bytes.isEmpty { texts.append(try TrainingText(line: bytes)) }
                    }
                }
            } catch let failure as LineSourceFailure {
                throw CommandFailure(
                    "Standard input can't be read: \(String(cString: strerror(failure.code))).", .noInput)
            } catch let error as TrainingText.LineError {
                throw CommandFailure("Line \(number) of standard input: \(error.message)", .noInput)
            }
            return texts
        }

        private func make(_ texts: [TrainingText]) throws -> ClassifierTraining {
            do {
                let recipe = try readRecipe()
                let folder = URL(fileURLWithPath: self.recipe).deletingLastPathComponent().appendingPathComponent(
                    "grammars")
                let files = try recipe.grammars.map { name in
                    (name: name, yaml: try TextFile.read(folder.appendingPathComponent(name).path))
                }
                return try ClassifierTraining(recipe, try Grammar(files: files), texts)
            } catch let error as Grammar.ReadError {
                throw CommandFailure(error.message, .configuration)
            } catch let error as ClassifierTraining.Failure {
                throw CommandFailure(Self.reason(error), .noInput)
            }
        }

        private static func reason(_ failure: ClassifierTraining.Failure) -> String {
            switch failure {
            case .nothing(let head, let label, let split):
                "No text of split `\(split)` has the label \(label ? 1 : 0) for `\(head)`, so nothing can be learned of it."
            case .unknown(let what):
                "There is no such thing as the \(what): see the recipe's heads, and the sets of the input."
            }
        }
    }
}

/// Says on standard error how far a training is, a line for each tenth.
private final class TrainingProgress {
    private var name = ""
    private var tenth = -1

    func show(_ step: ClassifierTraining.Step) {
        switch step {
        case .texts(let learned, let judged, let leftOut):
            Output.warn(
                "Learning from \(learned) texts, judging by \(judged); left out \(leftOut) sentences that a test has too."
            )
        case .reading(let done, let count): show("Reading", done, count)
        case .learning(let done, let count): show("Learning", done, count)
        case .judging(let done, let count): show("Judging", done, count)
        }
    }

    func end() { name = "" }

    private func show(_ name: String, _ done: Int, _ count: Int) {
        let tenth = done * 10 / max(count, 1)
        guard name != self.name || tenth != self.tenth else { return }
        (self.name, self.tenth) = (name, tenth)
        Output.warn("\(name): \(tenth * 10) %")
    }
}
