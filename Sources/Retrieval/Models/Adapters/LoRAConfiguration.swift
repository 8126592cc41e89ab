/// What `adapter_config.json` says.
public struct LoRAConfiguration: Sendable, Equatable {
    /// R
    public var rank: Int
    /// α
    public var alpha: Double
    public var dropout: Double
    public var targets: ModulePattern
    /// Modules that are no targets although ``targets`` matches them.
    public var excluded: ModulePattern = []
    /// s = α/√R (rsLoRA; Kalajdzievski 2023).
    public var isRankStabilised: Bool
    /// DoRA: directions and lengths of a weight's rows are adapted apart (Liu et al. 2024).
    public internal(set) var isWeightDecomposed = false
    public internal(set) var bias = Bias.none
    /// Whether B has a bias, which is added times s.
    public internal(set) var hasBias = false
    /// Of ``targets``, the blocks that count; nil: all.
    var blocks: BlockChoice?
    var ranks = ModuleValues<Int>()
    var alphas = ModuleValues<Double>()
    /// Ends of names of modules that were trained whole.
    public internal(set) var savedModules: [String] = []
    /// ``savedModules`` as PEFT keeps adapters off them.
    var adapterFree: [PythonExpression] = []
    /// Token ids whose embeddings were trained, by the end of the name of the embedding; a nil name is the entrance.
    var tokens: [(module: String?, ids: [Int])] = []
    /// Names of parameters, whole or from a dot on, that have adapters of their own.
    public internal(set) var targetParameters: [String] = []

    /// Which biases of the model were trained as well.
    public enum Bias: String, Sendable, CaseIterable {
        case none
        /// Those of the modules that have adapters.
        case adapted = "lora_only"
        case all
    }

    public init(rank: Int, alpha: Double, dropout: Double, targets: ModulePattern, isRankStabilised: Bool = false) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
        self.isRankStabilised = isRankStabilised
    }

    public static func == (left: LoRAConfiguration, right: LoRAConfiguration) -> Bool {
        left.rank == right.rank && left.alpha == right.alpha && left.dropout == right.dropout
            && left.targets == right.targets && left.excluded == right.excluded
            && left.isRankStabilised == right.isRankStabilised && left.isWeightDecomposed == right.isWeightDecomposed
            && left.bias == right.bias && left.hasBias == right.hasBias && left.blocks == right.blocks
            && left.ranks == right.ranks && left.alphas == right.alphas && left.savedModules == right.savedModules
            && left.adapterFree == right.adapterFree && left.targetParameters == right.targetParameters
            && left.tokens.count == right.tokens.count
            && zip(left.tokens, right.tokens).allSatisfy { $0.module == $1.module && $0.ids == $1.ids }
    }

    /// Whether a module of this name gets an adapter.
    ///
    /// - Parameters:
    ///   - module: the whole name, as the class that was trained has it.
    ///   - isLinear: whether it is a linear layer, and no embedding.
    /// - Throws: where a regular expression takes too many steps.
    public func isTarget(_ module: String, isLinear: Bool = true) throws -> Bool {
        guard try !excluded.matches(module, isLinear: isLinear),
            try !adapterFree.contains(where: { try $0.matches(module) }),
            try targets.matches(module, isLinear: isLinear)
        else { return false }
        // A name that is listed whole counts in every block.
        if let names = targets.names, names.contains(module) { return true }
        return try blocks?.contains(module) ?? true
    }

    /// R of a module's adapter; the name as in ``isTarget(_:isLinear:)``.
    public func rank(of module: String) throws -> Int { try ranks[module] ?? rank }

    /// s of a module's adapter: α/R, or α/√R where it is rank-stabilised.
    public func scale(of module: String) throws -> Double {
        let rank = Double(try rank(of: module))
        return try (alphas[module] ?? alpha) / (isRankStabilised ? rank.squareRoot() : rank)
    }

    /// The fields that ask for more than matrices A and B at linear layers.
    var fieldsBeyondPlain: [String] {
        [
            ("use_dora", isWeightDecomposed), ("bias", bias != .none), ("lora_bias", hasBias),
            ("modules_to_save", !savedModules.isEmpty), ("trainable_token_indices", !tokens.isEmpty),
            ("target_parameters", !targetParameters.isEmpty),
        ].filter(\.1).map(\.0)
    }
}
