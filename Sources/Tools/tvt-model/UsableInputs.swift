internal import Inputs
internal import ModelCommandLine
internal import Models
internal import Records

extension EmbeddingModel {
    /// Refuses settings by which nothing could be encoded, before a folder says them.
    ///
    /// - Throws: `Failure` (78) as tvt-encode and tvt-train do.
    func requireUsableInputs() throws {
        _ = try InputForm(self, settingName: \.flag)
        for role in Role.allCases { try requireRoomForText(of: role, settingName: \.flag) }
    }
}

extension CardOptions {
    /// As ``EmbeddingModel/requireUsableInputs()``, where options say how inputs are made: what a folder leaves open of that
    /// may stay so in one that is made of it.
    func requireUsableInputs(of model: EmbeddingModel) throws {
        guard inputs.isEmpty else { return try model.requireUsableInputs() }
        for role in Role.allCases { try model.requireRoomForText(of: role, settingName: \.flag) }
    }
}
