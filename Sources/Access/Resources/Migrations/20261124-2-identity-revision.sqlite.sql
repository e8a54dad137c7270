CREATE TRIGGER organisations_insert_raises_revision AFTER INSERT ON organisations
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER organisations_update_raises_revision AFTER UPDATE ON organisations
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER organisations_delete_raises_revision AFTER DELETE ON organisations
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER applications_insert_raises_revision AFTER INSERT ON applications
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER applications_update_raises_revision AFTER UPDATE ON applications
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER applications_delete_raises_revision AFTER DELETE ON applications
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER keys_insert_raises_revision AFTER INSERT ON keys
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER keys_update_raises_revision AFTER UPDATE ON keys
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;

CREATE TRIGGER keys_delete_raises_revision AFTER DELETE ON keys
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
END;
