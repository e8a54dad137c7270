/// The words of the rehearsal model.
package enum Text {
    package static let disclaimer =
        "This is the rehearsal model, not a language model: its words follow from the prompt and mean nothing."

    static let names = ["ada", "emil", "ines", "jonas", "lena", "mira", "noor", "theo"]

    private static let subjects = [
        "the harbour", "a quiet orchard", "the old clock", "every lantern", "the river", "a paper boat",
        "the tall hedge",
        "one patient gardener", "the morning train", "a wooden bridge", "the small bakery", "an open window",
    ]
    private static let verbs = [
        "follows", "remembers", "welcomes", "borders", "answers", "mirrors", "outlasts", "surprises", "gathers",
        "counts",
    ]
    private static let objects = [
        "the autumn rain", "a field of clover", "three green kites", "the library steps", "a slow tide",
        "the first snow",
        "a row of poplars", "the ferry bell", "its own shadow", "the evening market", "a basket of pears",
        "the north wind",
    ]

    /// Harmless sentences, alike for alike seeds.
    package static func sentences(_ count: Int, _ seed: Seed) -> String {
        var seed = seed
        return (0..<count).map { _ in
            let subject = subjects[Int.random(in: 0..<subjects.count, using: &seed)]
            let verb = verbs[Int.random(in: 0..<verbs.count, using: &seed)]
            let object = objects[Int.random(in: 0..<objects.count, using: &seed)]
            return subject.prefix(1).uppercased() + subject.dropFirst() + " \(verb) \(object)."
        }.joined(separator: " ")
    }

    static let words: [String] = (subjects + verbs + objects).flatMap { $0.split(separator: " ").map(String.init) }
}
