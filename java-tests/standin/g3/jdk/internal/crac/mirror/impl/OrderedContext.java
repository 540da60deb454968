package jdk.internal.crac.mirror.impl;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import jdk.internal.crac.mirror.CheckpointException;
import jdk.internal.crac.mirror.Context;
import jdk.internal.crac.mirror.Resource;
import jdk.internal.crac.mirror.RestoreException;

/**
 * Tells its resources in reverse order of registration before a checkpoint, in order of
 * registration after a restore. Unlike a CRaC JDK's it holds them strongly.
 */
public final class OrderedContext extends Context<Resource> {
  private final List<Resource> resources = new ArrayList<>();
  private List<Resource> told = List.of();

  @Override
  public void register(Resource resource) {
    synchronized (resources) {
      resources.add(resource);
    }
  }

  @Override
  public void beforeCheckpoint(Context<? extends Resource> context) throws CheckpointException {
    synchronized (resources) {
      told = new ArrayList<>(resources);
    }
    List<Resource> reversed = new ArrayList<>(told);
    Collections.reverse(reversed);
    ExceptionHolder<CheckpointException> problems =
        new ExceptionHolder<>(CheckpointException::new);
    for (Resource resource : reversed) {
      try {
        resource.beforeCheckpoint(this);
      } catch (Exception e) {
        problems.handle(e);
      }
    }
    problems.throwIfAny();
  }

  @Override
  public void afterRestore(Context<? extends Resource> context) throws RestoreException {
    ExceptionHolder<RestoreException> problems = new ExceptionHolder<>(RestoreException::new);
    for (Resource resource : told) {
      try {
        resource.afterRestore(this);
      } catch (Exception e) {
        problems.handle(e);
      }
    }
    told = List.of();
    problems.throwIfAny();
  }
}
