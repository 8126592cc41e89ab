internal import Base
package import Models
internal import Tensors

// What a pass walks over.
extension BlockwiseEncoder {
    /// A piece of the model, as a pass walks over them: towers first, then the text model, then the head.
    enum Piece: Hashable {
        case towerEntrance(Int)
        case towerStage(Int, Int)
        case entrance
        case stage(Int)
        case head
    }

    static func pieces(of model: TextModel) -> [Piece] {
        model.towers.enumerated().flatMap { tower, value in
            [.towerEntrance(tower)] + value.stages.indices.map { .towerStage(tower, $0) }
        } + [.entrance] + model.stages.indices.map { .stage($0) } + [.head]
    }

    func parameters(of piece: Piece) -> [Parameter] { Self.parameters(of: piece, model, head) }

    static func parameters(of piece: Piece, _ model: TextModel, _ head: Head) -> [Parameter] {
        switch piece {
        case .towerEntrance(let tower): model.towers[tower].entrance.parameters
        case .towerStage(let tower, let stage): model.towers[tower].stages[stage].parameters
        case .entrance: model.entrance.parameters
        case .stage(let stage): model.stages[stage].parameters
        case .head: head.parameters
        }
    }

    /// Starts reading streamed weights of a piece, of which an entrance wants only some rows, and bringing those that others
    /// keep.
    func readAhead(_ piece: Piece) {
        switch piece {
        case .towerStage, .stage: parameters(of: piece).readAhead()
        case .towerEntrance, .entrance, .head: parameters(of: piece).filter(\.isKept).readAhead()
        }
    }

    /// Takes streamed weights and those that others keep out of memory, and what a piece with such weights has left on the
    /// heap.
    func leaveMemory(_ piece: Piece) {
        let parameters = parameters(of: piece)
        guard parameters.contains(where: { $0.isStreamed || $0.isKept }) else { return }
        parameters.leaveMemory()
        Compute.trimHeap()
    }

    /// Of each piece the parameters that are not trained and that every pass goes through: not those that only
    /// ``towerCache`` runs, and each once.
    package var frozenOfPieces: [[Parameter]] {
        let isReached = findTrained()
        var seen: Set<ObjectIdentifier> = []
        return pieces.map { piece in
            guard towerCache == nil || frozenPrefix(of: piece, isReached) == nil else { return [] }
            return parameters(of: piece).filter {
                !$0.isTrainable && !$0.isStreamed && seen.insert(ObjectIdentifier($0)).inserted
            }
        }
    }

    func trained(_ piece: Piece) -> [Parameter] { parameters(of: piece).filter(\.isTrainable) }

    /// Numbers of the pieces whose outputs a piece is given.
    func sources(of number: Int) -> [Int] {
        switch pieces[number] {
        case .towerEntrance: []
        case .towerStage, .stage, .head: [number - 1]
        case .entrance: model.towers.indices.map { lastPiece(ofTower: $0) }
        }
    }

    private func lastPiece(ofTower tower: Int) -> Int {
        let count = model.towers[tower].stages.count
        return pieces.firstIndex(of: count == 0 ? .towerEntrance(tower) : .towerStage(tower, count - 1))!
    }

    /// Whether a gradient has to reach what a piece makes: it is trained, or something before it is.
    func findTrained() -> [Bool] {
        var isReached = [Bool](repeating: false, count: pieces.count)
        for number in pieces.indices {
            isReached[number] =
                !trained(pieces[number]).isEmpty || sources(of: number).contains { isReached[$0] }
        }
        // Vectors are differentiated in any case.
        isReached[pieces.count - 1] = true
        return isReached
    }

    /// The pieces at a tower's beginning that nothing is trained of, where a piece is one of them.
    func frozenPrefix(
        of piece: Piece, _ isReached: [Bool]
    ) -> (tower: Int, stageCount: Int, last: Int)? {
        let tower: Int
        switch piece {
        case .towerEntrance(let number), .towerStage(let number, _): tower = number
        case .entrance, .stage, .head: return nil
        }
        let first = pieces.firstIndex(of: .towerEntrance(tower))!
        let end = (first...lastPiece(ofTower: tower)).first { isReached[$0] } ?? lastPiece(ofTower: tower) + 1
        guard end > first, pieces.firstIndex(of: piece)! < end else { return nil }
        return (tower, end - 1 - first, end - 1)
    }

    /// - Returns: nil for a tower that the chunk has nothing for.
    func run(_ piece: Piece, _ inputs: [Tensor?], _ chunk: Chunk, _ dropout: Dropout) throws -> Tensor? {
        switch piece {
        case .towerEntrance(let number):
            let tower = model.towers[number]
            return try chunk.batch.media(for: tower).map { try tower.entrance.embed($0, dropout) }
        case .towerStage(let number, let stage):
            let tower = model.towers[number]
            guard let input = inputs[0], let media = try chunk.batch.media(for: tower) else { return nil }
            return try tower.stages[stage].forward(input, media.context(dropout))
        case .entrance: return try model.entrance.embed(chunk.batch, inputs, dropout)
        case .stage(let stage): return try model.stages[stage].forward(inputs[0]!, chunk.batch.context(dropout))
        case .head: return try head(inputs[0]!, chunk.batch)
        }
    }
}
