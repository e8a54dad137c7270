package import Filtering
internal import Glibc
internal import JSON

/// Logistic regressions over the vectors of one embedding model, a category each.
///
/// The file is JSON: `{"model", "dimension", "outputs": [{"category", "bias", "weights": […]}]}`.
package struct EmbeddingHead: Sendable, Hashable {
    package struct Output: Sendable, Hashable {
        package var category: Category
        package var bias: Float
        package var weights: [Float]

        package init(_ category: Category, bias: Float, weights: [Float]) {
            (self.category, self.bias, self.weights) = (category, bias, weights)
        }

        /// 1 / (1 + e^-(bias + weights · vector)).
        package func probability(of vector: [Float]) -> Double {
            var sum = bias
            for (weight, value) in zip(weights, vector) { sum += weight * value }
            return 1 / (1 + exp(-Double(sum)))
        }
    }

    /// Whose vectors it knows.
    package var model: String
    package var dimension: Int
    package var outputs: [Output]

    package init(model: String, dimension: Int, outputs: [Output]) {
        (self.model, self.dimension, self.outputs) = (model, dimension, outputs)
    }

    /// A vector of length 1 in the same direction; `nil` if there is none.
    static func normalised(_ values: [Float]) -> [Float]? {
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length.isFinite, length > 0 else { return nil }
        return values.map { $0 / length }
    }

    /// Why a file is none.
    package struct Problem: Error, CustomStringConvertible {
        package let description: String
    }

    package static let fileBytesMax = 16 << 20
    private static let dimensionMax = 16_384

    package init(file: [UInt8]) throws(Problem) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: file, limits: JSONLimits(nodesMax: 1 << 20))
        } catch {
            throw Problem(description: "It is no JSON: \(error.problem.rawValue) at byte \(error.offset).")
        }
        guard let model = document.member("model", of: document.root).flatMap(document.string) else {
            throw Problem(description: "It names no `model`.")
        }
        guard let dimension = document.member("dimension", of: document.root).flatMap(document.int),
            (1...Self.dimensionMax).contains(dimension)
        else { throw Problem(description: "It has no `dimension` from 1 to \(Self.dimensionMax).") }
        guard let list = document.member("outputs", of: document.root), document.count(of: list) > 0 else {
            throw Problem(description: "It has no `outputs`.")
        }
        var outputs: [Output] = []
        for node in document.elements(of: list) {
            guard let category = document.member("category", of: node).flatMap(document.string),
                let bias = document.member("bias", of: node).flatMap(document.double), Float(bias).isFinite,
                let weights = document.member("weights", of: node), document.count(of: weights) == dimension
            else { throw Problem(description: "An output has no category, bias, or \(dimension) weights.") }
            let values = document.elements(of: weights).compactMap { document.double($0).map { Float($0) } }
            guard values.count == dimension, values.allSatisfy(\.isFinite) else {
                throw Problem(description: "A weight of \(category) is no number.")
            }
            outputs.append(Output(Category(category), bias: Float(bias), weights: values))
        }
        self.init(model: model, dimension: dimension, outputs: outputs)
    }

    package var file: [UInt8] {
        var writer = JSONWriter(capacity: outputs.count * dimension * 12)
        writer.object { writer in
            writer.key("model" as StaticString)
            writer.string(model)
            writer.key("dimension" as StaticString)
            writer.int(dimension)
            writer.key("outputs" as StaticString)
            writer.array { writer in
                for output in outputs {
                    writer.object { writer in
                        writer.key("category" as StaticString)
                        writer.string(output.category.rawValue)
                        writer.key("bias" as StaticString)
                        writer.raw(Array("\(output.bias)".utf8))
                        writer.key("weights" as StaticString)
                        writer.array { writer in for weight in output.weights { writer.raw(Array("\(weight)".utf8)) } }
                    }
                }
            }
        }
        return writer.bytes
    }
}
