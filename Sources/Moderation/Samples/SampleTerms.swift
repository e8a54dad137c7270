package import Filtering

/// What of the policy the judgement of samples goes by.
package struct SampleTerms: Sendable {
    package let taxonomy: Taxonomy
    /// What gives scores; `nil` where no rule asks for one.
    package let classifier: ClassifierModel?

    package init(taxonomy: Taxonomy, classifier: ClassifierModel?) {
        (self.taxonomy, self.classifier) = (taxonomy, classifier)
    }
}
