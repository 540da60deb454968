package jdk.crac.impl;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import jdk.crac.CheckpointException;
import jdk.crac.Context;
import jdk.crac.Resource;
import jdk.crac.RestoreException;

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
    CheckpointException problems = new CheckpointException();
    for (Resource resource : reversed) {
      try {
        resource.beforeCheckpoint(this);
      } catch (Exception e) {
        addProblem(problems, e);
      }
    }
    if (problems.getSuppressed().length > 0) {
      throw problems;
    }
  }

  @Override
  public void afterRestore(Context<? extends Resource> context) throws RestoreException {
    RestoreException problems = new RestoreException();
    for (Resource resource : told) {
      try {
        resource.afterRestore(this);
      } catch (Exception e) {
        addProblem(problems, e);
      }
    }
    told = List.of();
    if (problems.getSuppressed().length > 0) {
      throw problems;
    }
  }

  private static void addProblem(Exception problems, Exception problem) {
    if (problem.getClass() == problems.getClass() && problem.getMessage() == null) {
      for (Throwable suppressed : problem.getSuppressed()) {
        problems.addSuppressed(suppressed);
      }
    } else {
      problems.addSuppressed(problem);
    }
  }
}
