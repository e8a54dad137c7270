CREATE FUNCTION raise_identity_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER organisations_raises_revision AFTER INSERT OR UPDATE OR DELETE ON organisations
FOR EACH STATEMENT EXECUTE FUNCTION raise_identity_revision();

CREATE TRIGGER applications_raises_revision AFTER INSERT OR UPDATE OR DELETE ON applications
FOR EACH STATEMENT EXECUTE FUNCTION raise_identity_revision();

CREATE TRIGGER keys_raises_revision AFTER INSERT OR UPDATE OR DELETE ON keys
FOR EACH STATEMENT EXECUTE FUNCTION raise_identity_revision();
