package jdk.crac;

/** A resource made of resources. */
public abstract class Context<R extends Resource> implements Resource {
  protected Context() {}

  @Override
  public abstract void beforeCheckpoint(Context<? extends Resource> context)
      throws CheckpointException;

  @Override
  public abstract void afterRestore(Context<? extends Resource> context) throws RestoreException;

  /** Registers the resource: the last one registered is the first to be told of a checkpoint. */
  public abstract void register(R resource);
}
